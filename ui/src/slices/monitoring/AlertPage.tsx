import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { Alert } from "../../api/monitoring";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { metric } from "../../kit/format";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, EventTime } from "../../kit/Time";
import { Action } from "./AlertsPage";
import "./monitoring.css";
import { alert } from "./queries";
import { TimelinePanel } from "./timeline/TimelinePanel";

export default function AlertPage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(alert(id));
  const data = query.data;
  return (
    <Page title={data?.rule ?? "Alert"} heading={<>{data?.rule ?? "Alert"}{data !== undefined && <State of={data.state} />}</>} crumbs={[{ label: "Alerts", to: paths.alerts() }]}
      meta={data !== undefined && <span>{data.summary}</span>}>
      <Loaded query={query} skeleton={<Skeleton height={200} />}>{(each) => <Body alert={each} />}</Loaded>
    </Page>
  );
}

function Body({ alert: each }: { alert: Alert }): ReactNode {
  return (
    <>
      <Panel>
        <ol className="alert-course" aria-label="Course of the alert">
          <Point name="pending" at={each.pending_at} /><Point name="firing" at={each.fired_at} /><Point name="resolved" at={each.resolved_at} />
        </ol>
      </Panel>
      <div className="cols-2">
        <Panel title="What broke">
          <Facts items={[
            ["Metric", each.metric], ["Value", <b key="v">{metric(each.value)}</b>], ["Objective", metric(each.threshold)], ["Event time", each.event_time === null ? null : <EventTime key="e" at={each.event_time} />],
            ["Monitor", <Link key="m" className="link" to={paths.monitor(each.monitor)}>{each.monitor}</Link>], ["Action", <Action key="a" alert={each} />],
          ]} />
        </Panel>
        <Panel title="Notifications" flush>
          {each.notifications.length === 0 ? <Empty title="Nobody was told">Declare a webhook under <code>notify</code>; it is called when the alert fires.</Empty>
            : <Table label="Notifications" columns={NOTICES} rows={each.notifications} rowKey={(row) => `${row.target} ${row.transition}`} />}
        </Panel>
      </div>
      <TimelinePanel monitor={each.monitor} />
    </>
  );
}

const NOTICES: ColumnDef<Alert["notifications"][number]>[] = [
  { key: "target", head: "Told", cell: (row) => <code title={row.error ?? undefined}>{row.target}</code>, fill: true },
  { key: "transition", head: "That it", cell: (row) => row.transition },
  { key: "state", head: "State", cell: (row) => <State of={row.state} /> },
  { key: "attempts", head: "Tries", cell: (row) => row.attempts, align: "end" },
  { key: "at", head: "When", cell: (row) => (row.at === null ? "–" : <Ago at={row.at} />), align: "end" },
];

function Point({ name, at }: { name: string; at: string | null }): ReactNode {
  return <li className={at === null ? name : `${name} reached`}><State of={at === null ? "waiting" : name} label={name} /><span className="small faint">{at === null ? "not reached" : <Ago at={at} />}</span></li>;
}
