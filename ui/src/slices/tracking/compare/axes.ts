/** Axes over parameters and metrics: places from 0 (below) to 1 (above). */
import type { Run } from "../../../api/tracking";
import { num } from "../../../kit/format";
import { compareValues, valueOf } from "../table/group";
import { keyOf } from "../table/view";
import { asNumber } from "./maths";

/** Positive numbers that span more than this factor stand on a logarithmic axis. */
const LOG_FACTOR = 50;

export interface Axis {
  id: string;
  label: string;
  kind: "number" | "log" | "words";
  /** For numbers the two ends, for words all of them, from below. */
  marks: string[];
  place: (run: Run) => number;
}

export const labelOf = (id: string): string => keyOf(id)?.key ?? id;

export function numberOf(run: Run, id: string): number {
  const key = keyOf(id);
  return key?.group === "metrics" ? num(run.metrics[key.key]?.value) : asNumber(valueOf(run, id));
}

/** Whether all that runs have under the key are numbers. */
export function isNumeric(runs: Run[], id: string): boolean {
  const texts = runs.map((run) => valueOf(run, id)).filter((text) => text !== undefined);
  return texts.length > 0 && texts.every((text) => !Number.isNaN(asNumber(text)) || text === "NaN");
}

export function axisOf(runs: Run[], id: string, format: (value: number) => string): Axis {
  const label = labelOf(id);
  if (!isNumeric(runs, id)) {
    const words = [...new Set(runs.map((run) => valueOf(run, id)).filter((text) => text !== undefined))].toSorted(compareValues);
    return { id, label, kind: "words", marks: words, place: (run) => {
      const at = words.indexOf(valueOf(run, id) ?? "");
      return at < 0 ? Number.NaN : words.length === 1 ? 0.5 : at / (words.length - 1);
    } };
  }
  const values = runs.map((run) => numberOf(run, id)).filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low >= LOG_FACTOR;
  const at = (value: number) => (log ? Math.log(value) : value);
  const span = at(high) - at(low);
  return { id, label, kind: log ? "log" : "number", marks: values.length === 0 ? [] : low === high ? [format(low)] : [format(low), format(high)], place: (run) => {
    const value = numberOf(run, id);
    return !Number.isFinite(value) ? Number.NaN : span === 0 ? 0.5 : (at(value) - at(low)) / span;
  } };
}

export type Brushes = Record<string, [number, number]>;

/** The runs that lie in every brush. One without a value on a brushed axis does not. */
export function within(runs: Run[], axes: Axis[], brushes: Brushes): Run[] {
  // A little room, so that a value drawn on the edge counts as inside.
  const room = 1e-6;
  return runs.filter((run) => axes.every((axis) => {
    const brush = brushes[axis.id];
    if (brush === undefined) return true;
    const place = axis.place(run);
    return place >= brush[0] - room && place <= brush[1] + room;
  }));
}

/** Parameters with more than one value among the runs, most telling first: few values over many. */
export function varying(runs: Run[], keys: string[]): string[] {
  const distinct = (key: string) => new Set(runs.map((run) => run.params[key])).size;
  return keys.filter((key) => distinct(key) > 1).toSorted((a, b) => distinct(a) - distinct(b) || a.localeCompare(b));
}
