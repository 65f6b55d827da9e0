import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ModelVersion } from "../../api/registry";
import { Dag } from "../../kit/dag/Dag";
import { Panel } from "../../kit/Page";
import { deployments } from "../serving/queries";
import { pipelineRuns } from "../pipelines/queries";
import { lineageOf } from "./lineageNodes";

export function Lineage({ version }: { version: ModelVersion }): ReactNode {
  const list = useQuery(deployments());
  const runs = useQuery(pipelineRuns());
  const run = runs.data?.find((each) => each.id === version.lineage?.pipeline_run);
  const nodes = lineageOf(version, list.data ?? [], run === undefined ? null : `${run.pipeline} #${run.number}`);
  return (
    <Panel title="Lineage" aside={<span>{version.ref}</span>} flush>
      <Dag label={`Lineage of ${version.ref}`} nodeWidth={150} nodeHeight={78} nodes={nodes.map((node) => ({
        id: node.id, needs: node.needs, to: node.to, className: node.here ? "picked" : "",
        content: <><span className="node-kind">{node.kind}</span><span className="node-name truncate">{node.name}</span><span className="node-foot">{node.foot}</span></>,
      }))} />
    </Panel>
  );
}
