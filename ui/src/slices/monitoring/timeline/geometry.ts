import { LANES } from "./model";

/** The places of the timeline's parts, in pixels from its top left corner. */
export const PAD = { left: 62, right: 18, top: 16 };
export const PLOT_HEIGHT = 236;
export const PLOT_BOTTOM = PAD.top + PLOT_HEIGHT;
export const RIBBON = { top: PLOT_BOTTOM + 8, height: 16 };
export const AXIS_Y = RIBBON.top + RIBBON.height + 18;
export const LANES_TOP = AXIS_Y + 12;
export const LANE_HEIGHT = 31;
export const HEIGHT = LANES_TOP + LANES.length * LANE_HEIGHT + 4;
