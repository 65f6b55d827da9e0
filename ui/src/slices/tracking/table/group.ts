/** Rows by the value of a parameter or a tag, with what their metrics come to. */
import type { Run } from "../../../api/tracking";
import { num } from "../../../kit/format";
import { keyOf } from "./view";

export interface Summary {
  n: number;
  mean: number;
  min: number;
  max: number;
}

export interface RunGroup {
  /** `null` for the runs without the key. */
  value: string | null;
  runs: Run[];
  metrics: Record<string, Summary>;
}

export function summary(values: number[]): Summary | null {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return null;
  let sum = 0;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of known) {
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { n: known.length, mean: sum / known.length, min, max };
}

/** What a run has under a column's key. */
export function valueOf(run: Run, column: string): string | undefined {
  const found = keyOf(column);
  if (found === null) return undefined;
  if (found.group === "metrics") return run.metrics[found.key] === undefined ? undefined : String(run.metrics[found.key]?.value);
  return run[found.group][found.key];
}

const order = new Intl.Collator("en", { numeric: true });

/** Numbers in their order, then words, then the runs that have none. */
export function grouped(runs: Run[], column: string, metricKeys: string[]): RunGroup[] {
  const by = new Map<string | null, Run[]>();
  for (const run of runs) {
    const value = valueOf(run, column) ?? null;
    const list = by.get(value);
    if (list === undefined) by.set(value, [run]);
    else list.push(run);
  }
  return [...by.entries()]
    .map(([value, members]) => ({ value, runs: members, metrics: summaries(members, metricKeys) }))
    .toSorted((a, b) => (a.value === null ? 1 : b.value === null ? -1 : compareValues(a.value, b.value)));
}

function summaries(runs: Run[], keys: string[]): Record<string, Summary> {
  const out: Record<string, Summary> = {};
  for (const key of keys) {
    const found = summary(runs.map((run) => num(run.metrics[key]?.value)));
    if (found !== null) out[key] = found;
  }
  return out;
}

export function compareValues(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  const [isX, isY] = [a.trim() !== "" && !Number.isNaN(x), b.trim() !== "" && !Number.isNaN(y)];
  if (isX && isY) return x - y;
  return isX ? -1 : isY ? 1 : order.compare(a, b);
}
