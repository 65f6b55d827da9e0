import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Run } from "../../api/tracking";
import type { Trace } from "../../api/traces";
import { cell, count, duration } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth, ofMachine } from "../../kit/metricOrder";
import { Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, Elapsed } from "../../kit/Time";
import { previewWords } from "../traces/facts";
import { newestTraces } from "../traces/queries";
import { TraceStateMark } from "../traces/TraceStateMark";
import { keysOf, missing } from "./columns";
import { childFilter, childRuns, run as oneRun, traceFilter } from "./queries";

/** The run that this one is nested in, by its name once that is known. */
export function Parent({ id }: { id: string }): ReactNode {
  const { data } = useQuery({ ...oneRun(id), refetchInterval: false });
  return <span>nested in <Link className="link" to={paths.run(id)}>{data?.name || id.slice(0, 8)}</Link></span>;
}

const METRICS = 3;
const ROWS = 12;

/** The runs nested in this one. Nothing where there is none: most runs have none. */
export function Children({ run }: { run: Run }): ReactNode {
  const { data } = useQuery(childRuns(run.run_id));
  if (data === undefined || data.runs.length === 0) return null;
  const metrics = byWorth(keysOf(data.runs).metrics).filter((key) => !ofMachine(key)).slice(0, METRICS);
  const columns: ColumnDef<Run>[] = [
    { key: "name", head: "Run", cell: (row) => row.name || row.run_id.slice(0, 8), sort: (row) => row.name },
    { key: "status", head: "Status", cell: (row) => <State of={row.status} />, sort: (row) => row.status },
    ...metrics.map((key): ColumnDef<Run> => ({ key, head: key, cell: (row) => (row.metrics[key] === undefined ? missing : cell(row.metrics[key].value)), align: "end", sort: (row) => Number(row.metrics[key]?.value ?? Number.NaN), wideOnly: key !== metrics[0] })),
    { key: "took", head: "Took", cell: (row) => <Elapsed from={row.started_at} to={row.ended_at} />, align: "end", wideOnly: true },
    { key: "started", head: "Started", cell: (row) => <Ago at={row.started_at} />, align: "end", sort: (row) => row.started_at, wideOnly: true },
  ];
  const all = `${paths.runs()}?experiment=${encodeURIComponent(run.experiment)}&filter=${encodeURIComponent(childFilter(run.run_id))}`;
  return (
    <Panel title="Nested runs" flush aside={<><span>{data.more ? `the newest ${count(data.runs.length)}` : count(data.runs.length)}</span><Link className="link" to={all}>In the table</Link></>}>
      <Table label="Nested runs" columns={columns} rows={data.runs} first={ROWS} rowKey={(row) => row.run_id} rowTo={(row) => paths.run(row.run_id)} />
    </Panel>
  );
}

const TRACES = 5;
const TRACE_COLUMNS: ColumnDef<Trace>[] = [
  { key: "name", head: "Trace", cell: (row) => row.name ?? row.trace_id.slice(0, 11) },
  { key: "state", head: "Status", cell: (row) => <TraceStateMark state={row.state} /> },
  { key: "request", head: "Request", cell: (row) => <span className="muted">{previewWords(row.request_preview)}</span>, fill: true, wideOnly: true },
  { key: "took", head: "Took", cell: (row) => (row.duration_ms === 0 ? "< 1 ms" : duration(row.duration_ms)), align: "end" },
  { key: "at", head: "Started", cell: (row) => <Ago at={row.started_at} />, align: "end", wideOnly: true },
];

/** The newest traces that were made in a run or linked to it. Nothing where there is none. */
export function TracesOf({ runId }: { runId: string }): ReactNode {
  const filter = traceFilter(runId);
  const { data } = useQuery(newestTraces(TRACES, filter));
  if (data === undefined || data.items.length === 0) return null;
  return (
    <Panel title="Traces" flush aside={<Link className="link" to={paths.traces(filter)}>{data.next === null ? "With a filter" : "All of them"}</Link>}>
      <Table label="Traces of this run" columns={TRACE_COLUMNS} rows={data.items} rowKey={(row) => row.trace_id} rowTo={(row) => paths.trace(row.trace_id)} />
    </Panel>
  );
}
