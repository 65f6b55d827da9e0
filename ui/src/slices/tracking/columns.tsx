import type { ReactNode } from "react";
import type { Run } from "../../api/tracking";
import { RefLink } from "../../kit/Cause";
import { cell } from "../../kit/format";
import { byWorth, ofMachine } from "../../kit/metricOrder";
import { State } from "../../kit/State";
import { Ago, Elapsed } from "../../kit/Time";
import { keyOf } from "./table/view";

export interface Chosen {
  metrics: string[];
  params: string[];
}

/** The keys of all runs on show, the most common first, so that the default columns are those worth comparing. */
export function keysOf(runs: Run[]): Chosen & { tags: string[] } {
  return { metrics: ranked(runs.map((run) => Object.keys(run.metrics))), params: ranked(runs.map((run) => Object.keys(run.params))), tags: ranked(runs.map((run) => Object.keys(run.tags))) };
}

function ranked(lists: string[][]): string[] {
  const times = new Map<string, number>();
  for (const key of lists.flat()) times.set(key, (times.get(key) ?? 0) + 1);
  return [...times.entries()].toSorted((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([key]) => key);
}

const DEFAULT_METRICS = 5;
const DEFAULT_PARAMS = 3;

export function defaultKeys(all: Chosen): Chosen {
  return { metrics: byWorth(all.metrics.filter((key) => !ofMachine(key))).slice(0, DEFAULT_METRICS), params: all.params.slice(0, DEFAULT_PARAMS) };
}

/** The columns of a table that nobody has arranged yet. */
export function defaultColumns(sample: Run[], allExperiments: boolean): string[] {
  const { metrics, params } = defaultKeys(keysOf(sample));
  const from = sample.some((run) => run.pipeline_run !== null) ? ["from"] : [];
  const where = allExperiments && new Set(sample.map((run) => run.experiment)).size > 1 ? ["experiment"] : [];
  return ["started", "took", ...where, ...metrics.map((key) => `metrics.${key}`), ...params.map((key) => `params.${key}`), ...from];
}

/** Columns over what every run has. */
export const ATTRIBUTES: { id: string; label: string; width: number }[] = [
  { id: "status", label: "Status", width: 104 },
  { id: "started", label: "Started", width: 108 },
  { id: "took", label: "Took", width: 84 },
  { id: "experiment", label: "Experiment", width: 140 },
  { id: "user", label: "User", width: 104 },
  { id: "from", label: "From", width: 116 },
  { id: "id", label: "Id", width: 104 },
];

const KEY_WIDTH = { metrics: 112, params: 124, tags: 140 };

export interface GridColumn {
  id: string;
  label: string;
  /** What kind of key it is over, where it is one. */
  kind: "metrics" | "params" | "tags" | null;
  width: number;
  end: boolean;
}

export function gridColumn(id: string, width?: number): GridColumn {
  const key = keyOf(id);
  if (key !== null) return { id, label: key.key, kind: key.group, width: width ?? Math.max(KEY_WIDTH[key.group], Math.min(190, key.key.length * 7 + 28)), end: key.group !== "tags" };
  const found = ATTRIBUTES.find((each) => each.id === id);
  return { id, label: found?.label ?? id, kind: null, width: width ?? found?.width ?? 120, end: id === "took" };
}

export const missing: ReactNode = <span className="faint" aria-label="none">–</span>;

/** What stands in a column of a run. */
export function cellOf(run: Run, id: string): ReactNode {
  const key = keyOf(id);
  if (key?.group === "metrics") return run.metrics[key.key] === undefined ? missing : cell(run.metrics[key.key]?.value);
  if (key !== null) {
    const value = run[key.group === "params" ? "params" : "tags"][key.key];
    return value === undefined ? missing : <span className="mono" title={value}>{value}</span>;
  }
  switch (id) {
    case "status": return <State of={run.status} />;
    case "started": return run.started_at ? <Ago at={run.started_at} /> : missing;
    case "took": return run.started_at ? <Elapsed from={run.started_at} to={run.ended_at ?? null} /> : missing;
    case "experiment": return run.experiment;
    case "user": return run.user || missing;
    case "id": return <code>{run.run_id.slice(0, 10)}</code>;
    case "from": return run.pipeline_run === null ? missing : <RefLink kind="pipeline_run" id={run.pipeline_run.id}>{run.pipeline_run.step ?? "pipeline"}</RefLink>;
    default: return missing;
  }
}
