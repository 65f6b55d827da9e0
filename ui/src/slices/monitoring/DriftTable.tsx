import type { ReactNode } from "react";
import type { Drift, MonitorWindow } from "../../api/monitoring";
import { Bullet, Spark } from "../../kit/chart/Small";
import { cell, percent } from "../../kit/format";
import { State, Tag } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { toneOf } from "../../kit/tone";
import { driftRatio } from "./words";

const HISTORY = 60;

/** Drift of every feature against its own threshold, the worst first, with its course over the last windows. */
export function DriftTable({ window, history }: { window: MonitorWindow; history: MonitorWindow[] }): ReactNode {
  const rows = window.drift.toSorted((a, b) => driftRatio(b) - driftRatio(a));
  const course = (row: Drift) => history.slice(-HISTORY).map((each) => each.drift.find((one) => one.feature === row.feature && one.kind === row.kind)?.value ?? Number.NaN);
  const columns: ColumnDef<Drift>[] = [
    { key: "feature", head: "Feature", cell: (row) => <span className="row tight"><code>{row.feature}</code>{row.kind !== "input" && <Tag>{row.kind}</Tag>}</span> },
    { key: "verdict", head: "Verdict", cell: (row) => <State of={row.verdict} /> },
    { key: "bar", head: "Value against threshold", cell: (row) => (row.value === null || row.threshold === null ? "" : <Bullet value={row.value} bound={row.threshold} tone={toneOf(row.verdict)} label={`${cell(row.value)} of ${cell(row.threshold)}`} />), fill: true, wideOnly: true },
    { key: "value", head: "Value", cell: (row) => cell(row.value), align: "end", sort: (row) => row.value ?? Number.NaN },
    { key: "threshold", head: "Threshold", cell: (row) => <span className="muted">{cell(row.threshold)}</span>, align: "end" },
    { key: "course", head: "Course", cell: (row) => <Spark values={course(row)} label={`Drift of ${row.feature} over the last windows`} />, wideOnly: true },
    { key: "method", head: "Method", cell: (row) => <span className="muted">{row.method}</span>, wideOnly: true },
    { key: "missing", head: "Missing", cell: (row) => percent(row.missing, 1), align: "end", wideOnly: true },
    { key: "unseen", head: "Unseen", cell: (row) => percent(row.unseen, 1), align: "end", wideOnly: true },
  ];
  return <Table label="Drift" columns={columns} rows={rows} rowKey={(row) => `${row.kind} ${row.feature}`} />;
}
