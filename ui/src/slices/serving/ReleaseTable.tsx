import type { ReactNode } from "react";
import type { Release } from "../../api/serving";
import { CauseText } from "../../kit/Cause";
import { Empty } from "../../kit/Feedback";
import { count, percent, signed } from "../../kit/format";
import { paths } from "../../kit/links";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, Elapsed } from "../../kit/Time";
import { verdictWords } from "./evidence";

const COLUMNS: ColumnDef<Release>[] = [
  { key: "candidate", head: "Candidate", cell: (row) => `${row.model}/${row.candidate}`, sort: (row) => row.candidate },
  { key: "champion", head: "Against", cell: (row) => (row.champion === null ? "–" : `${row.model}/${row.champion}`), wideOnly: true },
  { key: "state", head: "State", cell: (row) => <State of={row.state} {...(row.state === "running" ? { label: `running at ${percent(row.steps[row.step]?.share)}` } : {})} /> },
  { key: "pairs", head: "Evidence", cell: (row) => `${count(row.evidence.at(-1)?.pairs ?? 0)} ${row.judge.paired ? "pairs" : "samples"}`, align: "end", sort: (row) => row.evidence.at(-1)?.pairs ?? 0 },
  { key: "difference", head: "Difference", cell: (row) => signed(row.evidence.at(-1)?.mean_difference), align: "end" },
  { key: "reason", head: "Reason", cell: (row) => <span className="muted">{verdictWords(row)}</span>, fill: true, wideOnly: true },
  { key: "cause", head: "Cause", cell: (row) => <CauseText cause={row.cause} />, wideOnly: true },
  { key: "started", head: "Started", cell: (row) => <Ago at={row.started_at} />, align: "end", sort: (row) => row.started_at },
  { key: "took", head: "Took", cell: (row) => <Elapsed from={row.started_at} to={row.ended_at} />, align: "end", wideOnly: true },
];

export function ReleaseTable({ releases }: { releases: Release[] }): ReactNode {
  if (releases.length === 0) return <Empty title="No release yet" command="pitcrew run train">A release begins when the candidate's alias moves to a new version.</Empty>;
  return <Table label="Releases" columns={COLUMNS} rows={releases} rowKey={(row) => row.id} rowTo={(row) => paths.release(row.id)} />;
}
