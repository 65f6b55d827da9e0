/** Lines out of what runs logged: one for each run, or one for each group of them. */
import type { MetricSeries, Run } from "../../../api/tracking";
import type { LineSeries, XKind } from "../../../kit/chart/Lines";
import { num } from "../../../kit/format";
import { compareValues, valueOf } from "../table/group";
import { type Point, band, ema } from "./maths";
import type { CompareState } from "./state";

const COLOURS = 8;
const DASHES = [undefined, "5 3", "2 2.5", "8 3 2 3"];

export interface Look {
  color: string;
  dash: string | undefined;
}

/** Eight colours, then the same again with dashes. */
export const lookAt = (index: number): Look => ({ color: `var(--run-${(index % COLOURS) + 1})`, dash: DASHES[Math.floor(index / COLOURS) % DASHES.length] });

export const nameOf = (run: Run): string => run.name || run.run_id.slice(0, 8);

/** The values a comparison has under the key it is grouped by, in their order; `null` stands for the runs without it. */
export function groupValues(runs: Run[], column: string): (string | null)[] {
  const values = new Set(runs.map((run) => valueOf(run, column) ?? null));
  return [...values].toSorted((a, b) => (a === null ? 1 : b === null ? -1 : compareValues(a, b)));
}

/** Each run's look: its own, or that of its group. */
export function looks(runs: Run[], group: string): Map<string, Look> {
  const values = group === "" ? [] : groupValues(runs, group);
  return new Map(runs.map((run, index) => [run.run_id, lookAt(group === "" ? index : values.indexOf(valueOf(run, group) ?? null))]));
}

/** A series as points along the axis that was chosen. Time runs from the start of the run, or from the first value where that came before. */
export function pointsOf(series: MetricSeries, kind: XKind, startedAt: string): Point[] {
  const first = Math.min(...series.points.map((point) => Date.parse(point.at)));
  const started = Date.parse(startedAt);
  const from = started <= first ? started : first;
  const points = series.points.map((point): Point => [kind === "step" ? point.step : kind === "time" ? Date.parse(point.at) : Date.parse(point.at) - from, num(point.value)]);
  return points.toSorted((a, b) => a[0] - b[0]);
}

export interface Logged {
  run: Run;
  series: MetricSeries;
}

type Shape = Pick<CompareState, "x" | "smooth" | "group" | "spread">;

export function linesOf(logged: Logged[], shape: Shape, all: Run[]): LineSeries[] {
  const look = looks(all, shape.group);
  const lines = logged.map(({ run, series }) => {
    const raw = pointsOf(series, shape.x, run.started_at);
    const smooth = ema(raw.map(([, y]) => y), shape.smooth);
    return { run, raw, points: raw.map(([x], i): Point => [x, smooth[i] ?? Number.NaN]) };
  });
  if (shape.group === "") {
    return lines.map(({ run, raw, points }) => ({ key: run.run_id, label: nameOf(run), color: look.get(run.run_id)?.color ?? "", dash: look.get(run.run_id)?.dash, points, raw: shape.smooth > 0 ? raw : undefined }));
  }
  const values = groupValues(all, shape.group);
  return values.flatMap((value, index): LineSeries[] => {
    const members = lines.filter(({ run }) => (valueOf(run, shape.group) ?? null) === value);
    if (members.length === 0) return [];
    const found = band(members.map(({ points }) => points), shape.spread);
    return [{ key: `group ${value ?? ""}`, label: `${value ?? "not set"} (${members.length})`, ...lookAt(index), points: found.map(({ x, mean }): Point => [x, mean]), band: members.length < 2 ? undefined : found.map(({ x, low, high }): [number, number, number] => [x, low, high]) }];
  });
}

/** Metrics of which some run has more than one value: those are lines. */
export function curveKeys(runs: Run[]): { curves: string[]; single: string[] } {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))];
  const isCurve = (key: string) => runs.some((run) => (run.metrics[key]?.step ?? 0) > 0);
  return { curves: keys.filter(isCurve), single: keys.filter((key) => !isCurve(key)) };
}
