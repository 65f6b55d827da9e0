/** What a comparison shows, and its way into the address and back. */
import type { XKind } from "../../../kit/chart/Lines";
import type { Spread } from "./maths";

export type Show = "curves" | "parameters" | "differences";

export interface CompareState {
  ids: string[];
  show: Show;
  x: XKind;
  logX: boolean;
  logY: boolean;
  /** The weight of what went before, 0 to 0.99. */
  smooth: number;
  /** The parameter or tag by which lines are put together; empty for each run by itself. */
  group: string;
  spread: Spread;
  /** The metric that parameters are held against; empty for the first there is. */
  target: string;
}

const SHOWS: Show[] = ["curves", "parameters", "differences"];
const KINDS: XKind[] = ["step", "time", "relative"];
export const SMOOTHEST = 0.99;

export function readCompare(search: URLSearchParams): CompareState {
  const smooth = Number(search.get("smooth") ?? "0");
  return {
    ids: [...new Set(search.getAll("run"))].filter((id) => id !== ""),
    show: SHOWS.find((each) => each === search.get("show")) ?? "curves",
    x: KINDS.find((each) => each === search.get("x")) ?? "step",
    logX: search.get("logx") === "1",
    logY: search.get("logy") === "1",
    smooth: Number.isFinite(smooth) ? Math.min(SMOOTHEST, Math.max(0, smooth)) : 0,
    group: search.get("group") ?? "",
    spread: search.get("band") === "error" ? "error" : "range",
    target: search.get("target") ?? "",
  };
}

export function writeCompare(state: CompareState): URLSearchParams {
  const search = new URLSearchParams();
  for (const id of state.ids) search.append("run", id);
  const say = (key: string, value: string, unless: string) => value !== unless && search.set(key, value);
  say("show", state.show, "curves");
  say("x", state.x, "step");
  say("logx", state.logX ? "1" : "", "");
  say("logy", state.logY ? "1" : "", "");
  say("smooth", String(state.smooth), "0");
  say("group", state.group, "");
  say("band", state.spread, "range");
  say("target", state.target, "");
  return search;
}
