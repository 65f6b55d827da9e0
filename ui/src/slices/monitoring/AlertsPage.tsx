import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router-dom";
import type { Alert } from "../../api/monitoring";
import { Segments } from "../../kit/Button";
import { EXAMPLES } from "../../kit/examples";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { metric, plain } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, EventTime } from "../../kit/Time";
import { type AlertRule, alertRules, alerts } from "./queries";
import { RunAlerts } from "./RunAlerts";

type Filter = "all" | "pending" | "firing" | "resolved";
const FILTERS: { value: Filter; label: string }[] = [{ value: "all", label: "All" }, { value: "firing", label: "Firing" }, { value: "pending", label: "Pending" }, { value: "resolved", label: "Resolved" }];

const COLUMNS: ColumnDef<Alert>[] = [
  { key: "rule", head: "Alert", cell: (row) => row.rule },
  { key: "state", head: "State", cell: (row) => <State of={row.state} />, sort: (row) => row.state },
  { key: "value", head: "Value", cell: (row) => `${row.metric} ${metric(row.value)}`, align: "end" },
  { key: "threshold", head: "Objective", cell: (row) => <span className="muted">{metric(row.threshold)}</span>, align: "end", wideOnly: true },
  { key: "summary", head: "Said", cell: (row) => <span className="muted">{row.summary}</span>, fill: true, wideOnly: true },
  { key: "action", head: "Action", cell: (row) => <Action alert={row} />, wideOnly: true },
  { key: "event", head: "Event time", cell: (row) => (row.event_time === null ? "–" : <EventTime at={row.event_time} />), align: "end", wideOnly: true },
  { key: "since", head: "Since", cell: (row) => { const at = row.fired_at ?? row.pending_at; return at === null ? "–" : <Ago at={at} />; }, align: "end" },
];

export function Action({ alert }: { alert: Alert }): ReactNode {
  if (alert.action === null) return <span className="faint">none</span>;
  if (alert.action.pipeline_run === null) return <>run {alert.action.run}</>;
  return <Link className="link" to={paths.pipelineRun(alert.action.pipeline_run)}>started {alert.action.run}</Link>;
}

const RULES: ColumnDef<AlertRule>[] = [
  { key: "name", head: "Rule", cell: (row) => <b>{row.name}</b> },
  { key: "monitor", head: "Monitor", cell: (row) => (row.monitor === undefined ? "–" : <Link className="link" to={paths.monitor(row.monitor)}>{row.monitor}</Link>) },
  { key: "metric", head: "Metric", cell: (row) => row.metric ?? "–" },
  { key: "for", head: "For", cell: (row) => (row["for"] === undefined ? "–" : `${plain(row["for"])} windows`), align: "end" },
  { key: "rest", head: "Then", cell: (row) => <span className="muted">{actionWords(row["action"])}</span>, fill: true, wideOnly: true },
];

function actionWords(action: unknown): string {
  if (typeof action !== "object" || action === null) return "nothing";
  const { run, cooldown } = action as { run?: unknown; cooldown?: unknown };
  return `${run === undefined ? plain(action) : `run ${plain(run)}`}${cooldown === undefined || cooldown === null ? "" : `, at most once in ${plain(cooldown)}`}`;
}

export default function AlertsPage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const filter = FILTERS.find((each) => each.value === search.get("state"))?.value ?? "all";
  const query = useQuery(alerts(filter === "all" ? undefined : filter));
  const rules = useQuery(alertRules());
  return (
    <Page title="Alerts" meta={<span>An objective that is broken for long enough goes from pending to firing, and its action answers.</span>}
      actions={<Segments label="State" value={filter} options={FILTERS} onChange={(next) => setSearch(next === "all" ? {} : { state: next })} />}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={4} /></div>}>
          {(list) => (list.length === 0
            ? <Empty title={filter === "all" ? "No alert has ever fired" : `No alert is ${filter}`} {...(filter === "all" && rules.data?.length === 0 ? { example: EXAMPLES.alerts, command: "pitcrew apply" } : {})}>{rules.data?.length === 0 ? <>An alert watches a monitor and answers, in <code>pitcrew.yaml</code>:</> : "The rules below are looked at with every window."}</Empty>
            : <Table label="Alerts" columns={COLUMNS} rows={list} rowKey={(row) => row.id} rowTo={(row) => paths.alert(row.id)} />)}
        </Loaded>
      </Panel>
      <RunAlerts />
      {rules.data !== undefined && rules.data.length > 0 && <Panel title="Rules" flush><Table label="Rules" columns={RULES} rows={rules.data} rowKey={(row) => row.name} /></Panel>}
    </Page>
  );
}
