import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Pipeline } from "../../api/pipelines";
import { EXAMPLES } from "../../kit/examples";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State, Tag } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { PipelineRunTable } from "./PipelineRunTable";
import { pipelineRuns, pipelines } from "./queries";

const COLUMNS: ColumnDef<Pipeline>[] = [
  { key: "name", head: "Pipeline", cell: (row) => row.name, sort: (row) => row.name },
  { key: "description", head: "Does", cell: (row) => <span className="muted">{row.description}</span>, fill: true, wideOnly: true },
  { key: "dataset", head: "Data", cell: (row) => row.dataset ?? "–", wideOnly: true },
  { key: "triggers", head: "Starts on", cell: (row) => <span className="row tight">{row.triggers.map((each) => <Tag key={each}>{each}</Tag>)}</span>, wideOnly: true },
  { key: "steps", head: "Steps", cell: (row) => row.steps.length, align: "end" },
  { key: "state", head: "Last run", cell: (row) => (row.last_run === null ? <span className="faint">never</span> : <State of={row.last_run.state} />) },
  { key: "when", head: "", cell: (row) => (row.last_run === null ? "" : <Ago at={row.last_run.created_at} />), align: "end" },
];

export default function PipelinesPage(): ReactNode {
  const query = useQuery(pipelines());
  const runs = useQuery(pipelineRuns());
  return (
    <Page title="Pipelines" meta={<span>What makes a model from data, step by step, and what started it.</span>}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
          {(list) => (list.length === 0
            ? <Empty title="No pipeline is declared" example={EXAMPLES.pipelines} command="pitcrew apply">A pipeline is a few steps in <code>pitcrew.yaml</code>; steps whose inputs did not change are not run again.</Empty>
            : <Table label="Pipelines" columns={COLUMNS} rows={list} rowKey={(row) => row.name} rowTo={(row) => paths.pipeline(row.name)} />)}
        </Loaded>
      </Panel>
      <Panel title="Runs" flush><Loaded query={runs} skeleton={<div className="panel-body"><Skeleton lines={6} /></div>}>{(list) => <PipelineRunTable runs={list} />}</Loaded></Panel>
    </Page>
  );
}
