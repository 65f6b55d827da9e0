import { LANES } from "./model";

/** The places of the timeline's parts, in pixels from its top left corner. */
export const PAD = { left: 62, right: 52 };
export const FLAG_ROWS = 3;
export const FLAG_HEIGHT = 17;
export const PLOT_HEIGHT = 236;
export const LANE_HEIGHT = 31;
/** A bar that shows how long something lasted. */
export const SPAN_HEIGHT = 3;

export interface Frame {
  /** The top of the plot; the flags stand above it. */
  top: number;
  bottom: number;
  ribbon: { top: number; height: number };
  axisY: number;
  lanesTop: number;
  height: number;
}

/** Without a flag to show, no room is kept for them. */
export function frameFor(hasFlags: boolean): Frame {
  const top = 8 + (hasFlags ? FLAG_ROWS * FLAG_HEIGHT + 4 : 6);
  const bottom = top + PLOT_HEIGHT;
  const ribbon = { top: bottom + 10, height: 16 };
  const axisY = ribbon.top + ribbon.height + 18;
  const lanesTop = axisY + 12;
  return { top, bottom, ribbon, axisY, lanesTop, height: lanesTop + LANES.length * LANE_HEIGHT + 4 };
}
