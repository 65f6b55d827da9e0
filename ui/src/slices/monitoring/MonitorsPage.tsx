import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Monitor } from "../../api/monitoring";
import { EXAMPLES } from "../../kit/examples";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { metric } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { EventTime } from "../../kit/Time";
import { boundWords, driftedOf } from "./words";
import { monitors } from "./queries";

const COLUMNS: ColumnDef<Monitor>[] = [
  { key: "name", head: "Monitor", cell: (row) => row.name, sort: (row) => row.name },
  { key: "deployment", head: "Watches", cell: (row) => <Link className="link" to={paths.deployment(row.deployment)}>{row.deployment}</Link>, wideOnly: true },
  { key: "objective", head: "Objective", cell: (row) => row.objectives.map(boundWords).join(", ") || "none" },
  { key: "value", head: "Now", cell: (row) => metric(row.latest?.metrics[row.objectives[0]?.metric ?? ""]?.value), align: "end" },
  { key: "state", head: "State", cell: (row) => <State of={row.latest?.state ?? "no_data"} /> },
  { key: "drift", head: "Drift", cell: (row) => { const drifted = driftedOf(row.latest); return drifted.length === 0 ? <span className="faint">none</span> : <State of="drifted" label={drifted.join(", ")} />; }, fill: true, wideOnly: true },
  { key: "window", head: "Window", cell: (row) => row.window, align: "end", wideOnly: true },
  { key: "watermark", head: "Labels complete to", cell: (row) => (row.watermark === null ? "–" : <EventTime at={row.watermark} />), align: "end", wideOnly: true },
];

export default function MonitorsPage(): ReactNode {
  const query = useQuery(monitors());
  return (
    <Page title="Monitors" meta={<span>Quality with late labels, drift against training, and data quality, window by window of event time.</span>}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
          {(list) => (list.length === 0
            ? <Empty title="No monitor is declared" example={EXAMPLES.monitors} command="pitcrew apply">A monitor watches a deployment, window by window, against its objectives. In <code>pitcrew.yaml</code>:</Empty>
            : <Table label="Monitors" columns={COLUMNS} rows={list} rowKey={(row) => row.name} rowTo={(row) => paths.monitor(row.name)} />)}
        </Loaded>
      </Panel>
    </Page>
  );
}
