import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { GateDecision, Model } from "../../api/registry";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { metric } from "../../kit/format";
import { Inline } from "../../kit/Inline";
import { paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { Aliases } from "./Aliases";
import { whyOf } from "./gateWords";
import { gateDecisions, models } from "./queries";

const COLUMNS: ColumnDef<Model>[] = [
  { key: "name", head: "Model", cell: (row) => row.name, sort: (row) => row.name },
  { key: "description", head: "Predicts", cell: (row) => <span className="muted">{row.description}</span>, fill: true, wideOnly: true },
  { key: "aliases", head: "Aliases", cell: (row) => <Aliases aliases={row.aliases} /> },
  { key: "versions", head: "Versions", cell: (row) => row.versions, align: "end", sort: (row) => row.versions },
  { key: "latest", head: "Latest", cell: (row) => (row.latest === null ? "–" : <Ago at={row.latest.created_at} />), align: "end" },
];

const GATES: ColumnDef<GateDecision>[] = [
  { key: "candidate", head: "Candidate", cell: (row) => (row.version === null ? `${row.model}, refused` : `${row.model}/${row.version}`) },
  { key: "verdict", head: "Verdict", cell: (row) => <State of={row.verdict} /> },
  { key: "why", head: "Why", cell: (row) => <span className="muted"><Inline text={whyOf(row.rules)} /></span>, fill: true, wideOnly: true },
  { key: "metric", head: "Metric", cell: (row) => { const [first] = byWorth(Object.keys(row.metrics)); return first === undefined ? "–" : `${first} ${metric(row.metrics[first])}`; }, align: "end" },
  { key: "at", head: "Decided", cell: (row) => <Ago at={row.at} />, align: "end", sort: (row) => row.at },
];

export function GateTable({ gates }: { gates: GateDecision[] }): ReactNode {
  if (gates.length === 0) return <Empty title="The gate has not decided yet">Each pipeline run with an evaluate step brings a candidate before it.</Empty>;
  return <Table label="Gate decisions" columns={GATES} rows={gates} rowKey={(row) => row.id} rowTo={(row) => paths.gateDecision(row.id)} />;
}

export default function ModelsPage(): ReactNode {
  const query = useQuery(models());
  const gates = useQuery(gateDecisions());
  return (
    <Page title="Models" meta={<span>Registered versions, each signed and with its lineage, and the aliases that point at them.</span>}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
          {(list) => (list.length === 0
            ? <Empty title="No model is registered" command="pitcrew run train">A pipeline's register step makes the first version when the gate lets it pass.</Empty>
            : <Table label="Models" columns={COLUMNS} rows={list} rowKey={(row) => row.name} rowTo={(row) => paths.model(row.name)} />)}
        </Loaded>
      </Panel>
      <Panel title="Gate decisions" flush><Loaded query={gates} skeleton={<div className="panel-body"><Skeleton lines={5} /></div>}>{(list) => <GateTable gates={list} />}</Loaded></Panel>
    </Page>
  );
}
