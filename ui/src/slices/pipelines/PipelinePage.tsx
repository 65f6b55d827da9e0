import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import { Dag } from "../../kit/dag/Dag";
import { Loaded, Skeleton } from "../../kit/Feedback";
import { plain } from "../../kit/format";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { Tag } from "../../kit/State";
import { PipelineRunTable } from "./PipelineRunTable";
import { pipeline, pipelineRuns } from "./queries";
import { StartRun } from "./StartRun";

const KIND_WORDS: Record<string, string> = { run: "your command", evaluate: "built in", register: "built in" };

export default function PipelinePage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(pipeline(name));
  const runs = useQuery(pipelineRuns({ pipeline: name }));
  const data = query.data;
  return (
    <Page title={name} crumbs={[{ label: "Pipelines", to: paths.pipelines() }]} meta={data !== undefined && <span>{data.description}</span>}
      actions={data !== undefined && <StartRun pipeline={data} />}>
      <Loaded query={query} skeleton={<Skeleton height={240} />}>
        {(each) => (
          <div className="cols-main">
            <Panel title="Steps" flush>
              <Dag label={`Steps of ${each.name}`} nodeHeight={58} nodeWidth={150} nodes={each.steps.map((step) => ({
                id: step.name, needs: step.needs,
                content: <><span className="node-name">{step.name}</span><span className="node-kind">{KIND_WORDS[step.kind] ?? step.kind}</span></>,
              }))} />
            </Panel>
            <Panel title="Declared">
              <Facts items={[
                ["Data set", each.dataset === null ? null : <Link key="d" className="link" to={paths.dataset(each.dataset)}>{each.dataset}</Link>],
                ["Starts on", each.triggers.length === 0 ? "only by hand" : <span key="t" className="row wrap tight">{each.triggers.map((trigger) => <Tag key={trigger}>{trigger}</Tag>)}</span>],
                ...Object.entries(each.params).map(([key, value]): [string, ReactNode] => [key, <code key={key}>{value === "" ? '""' : plain(value)}</code>]),
              ]} />
            </Panel>
          </div>
        )}
      </Loaded>
      <Panel title="Runs" flush><Loaded query={runs} skeleton={<div className="panel-body"><Skeleton lines={6} /></div>}>{(list) => <PipelineRunTable runs={list} />}</Loaded></Panel>
    </Page>
  );
}
