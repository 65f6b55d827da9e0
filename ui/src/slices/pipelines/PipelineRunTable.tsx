import type { ReactNode } from "react";
import type { PipelineRun } from "../../api/pipelines";
import { CauseText, RefLink } from "../../kit/Cause";
import { Empty } from "../../kit/Feedback";
import { duration } from "../../kit/format";
import { paths } from "../../kit/links";
import { Dot, State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { labelOf, toneOf } from "../../kit/tone";
import { Ago, Elapsed } from "../../kit/Time";

/** The CPU time of all steps; cached ones took none. */
export const cpuSeconds = (run: PipelineRun): number => run.steps.reduce((sum, step) => sum + (step.cpu_seconds ?? 0), 0);

const COLUMNS: ColumnDef<PipelineRun>[] = [
  { key: "run", head: "Run", cell: (row) => `${row.pipeline} #${row.number}`, sort: (row) => row.number },
  { key: "state", head: "State", cell: (row) => <State of={row.state} />, sort: (row) => row.state },
  { key: "steps", head: "Steps", cell: (row) => <StepDots run={row} />, wideOnly: true },
  { key: "reason", head: "Reason", cell: (row) => <span className="muted">{row.error ?? row.reason ?? ""}</span>, fill: true, wideOnly: true },
  { key: "cause", head: "Cause", cell: (row) => <CauseText cause={row.cause} />, wideOnly: true },
  { key: "data", head: "Data", cell: (row) => (row.dataset_version === null ? "–" : <RefLink kind="dataset_version" id={row.dataset_version} />), wideOnly: true },
  { key: "cpu", head: "CPU", cell: (row) => duration(cpuSeconds(row) * 1000), align: "end", sort: cpuSeconds, wideOnly: true },
  { key: "took", head: "Took", cell: (row) => <Elapsed from={row.started_at} to={row.finished_at} />, align: "end" },
  { key: "created", head: "Started", cell: (row) => <Ago at={row.created_at} />, align: "end", sort: (row) => row.created_at },
];

export function PipelineRunTable({ runs }: { runs: PipelineRun[] }): ReactNode {
  if (runs.length === 0) return <Empty title="No run yet" command="pitcrew run train">Started by hand, by a schedule, by new data or by an alert.</Empty>;
  return <Table label="Pipeline runs" columns={COLUMNS} rows={runs} rowKey={(row) => row.id} rowTo={(row) => paths.pipelineRun(row.id)} />;
}

function StepDots({ run }: { run: PipelineRun }): ReactNode {
  const words = run.steps.map((step) => `${step.name} ${labelOf(step.state)}`).join(", ");
  return <span className="row tight" role="img" aria-label={words} title={words}>{run.steps.map((step) => <Dot key={step.name} tone={toneOf(step.state)} size={9} />)}</span>;
}
