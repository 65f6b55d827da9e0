import type { ReactNode } from "react";
import type { Run } from "../../api/tracking";
import { RefLink } from "../../kit/Cause";
import { cell, num } from "../../kit/format";
import { byWorth } from "../../kit/metricOrder";
import { State } from "../../kit/State";
import type { ColumnDef } from "../../kit/Table";
import { Ago, Elapsed } from "../../kit/Time";

export interface Chosen {
  metrics: string[];
  params: string[];
}

/** The keys of all runs on show, the most common first, so that the default columns are those worth comparing. */
export function keysOf(runs: Run[]): Chosen {
  return { metrics: ranked(runs.map((run) => Object.keys(run.metrics))), params: ranked(runs.map((run) => Object.keys(run.params))) };
}

function ranked(lists: string[][]): string[] {
  const times = new Map<string, number>();
  for (const key of lists.flat()) times.set(key, (times.get(key) ?? 0) + 1);
  return [...times.entries()].toSorted((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([key]) => key);
}

const DEFAULT_METRICS = 4;
const DEFAULT_PARAMS = 2;

export function defaultKeys(all: Chosen): Chosen {
  return { metrics: byWorth(all.metrics).slice(0, DEFAULT_METRICS), params: all.params.slice(0, DEFAULT_PARAMS) };
}

const sortable = (text: string | undefined): number | string => {
  if (text === undefined) return Number.NaN;
  const value = Number(text);
  return text !== "" && !Number.isNaN(value) ? value : text;
};

const missing: ReactNode = <span className="faint">–</span>;

export function columnsFor({ metrics, params }: Chosen): ColumnDef<Run>[] {
  return [
    { key: "name", head: "Run", cell: (row) => row.name || row.run_id.slice(0, 8), sort: (row) => row.name },
    { key: "status", head: "Status", cell: (row) => <State of={row.status} /> },
    { key: "started", head: "Started", cell: (row) => <Ago at={row.started_at} />, sort: (row) => row.started_at },
    { key: "took", head: "Took", cell: (row) => <Elapsed from={row.started_at} to={row.ended_at} />, align: "end", wideOnly: true },
    ...metrics.map((key): ColumnDef<Run> => ({
      key: `metric ${key}`, head: key, align: "end", sort: (row) => num(row.metrics[key]?.value),
      cell: (row) => (row.metrics[key] === undefined ? missing : cell(row.metrics[key].value)),
    })),
    ...params.map((key): ColumnDef<Run> => ({
      key: `param ${key}`, head: <span className="faint">{key}</span>, align: "end", wideOnly: true, sort: (row) => sortable(row.params[key]),
      cell: (row) => (row.params[key] === undefined ? missing : <code>{row.params[key]}</code>),
    })),
    { key: "from", head: "From", cell: (row) => (row.pipeline_run === null ? missing : <RefLink kind="pipeline_run" id={row.pipeline_run.id}>{row.pipeline_run.step ?? "pipeline"}</RefLink>), align: "end", wideOnly: true },
  ];
}
