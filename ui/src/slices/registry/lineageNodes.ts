import type { ModelVersion } from "../../api/registry";
import { pathOf, paths } from "../../kit/links";

export interface LineageNode {
  id: string;
  needs: string[];
  kind: string;
  name: string;
  foot: string;
  to: string | null;
  here?: boolean;
}

/**
 * From what a version was made and where it goes: data set, code and environment into the pipeline run, what it tracked, the gate that let
 * it pass, the version, the deployments. Code and environment have no page of their own; the run that used them says what they were.
 */
export function lineageOf(version: ModelVersion, deployments: { name: string; model: string; arms: { arm: string; version: number }[] }[], runName: string | null = null): LineageNode[] {
  const from = version.lineage;
  const nodes: LineageNode[] = [];
  const runPath = from?.pipeline_run ? paths.pipelineRun(from.pipeline_run) : null;
  let into: string[] = [];
  // Each step of the way leads into the next that is known.
  const then = (node: Omit<LineageNode, "needs">) => {
    nodes.push({ ...node, needs: into });
    into = [node.id];
  };
  if (from?.dataset) {
    nodes.push({ id: "data", needs: [], kind: "data set", name: from.dataset, foot: short(from.dataset_digest), to: pathOf("dataset_version", from.dataset) });
    into.push("data");
  }
  if (from?.code_digest || from?.git_commit) {
    nodes.push({ id: "code", needs: [], kind: from.git_commit ? "commit" : "code", name: from.git_commit ? from.git_commit.slice(0, 10) : short(from.code_digest), foot: from.git_commit ? short(from.code_digest) : "no git commit", to: runPath });
    into.push("code");
  }
  if (from?.environment_digest) {
    nodes.push({ id: "environment", needs: [], kind: "environment", name: short(from.environment_digest), foot: "pinned packages", to: runPath });
    into.push("environment");
  }
  if (from?.pipeline_run) then({ id: "run", kind: "pipeline run", name: runName ?? short(from.pipeline_run, 14), foot: "made it", to: runPath });
  if (version.tracking_run_id) then({ id: "tracked", kind: "tracked run", name: version.tracking_run_id.slice(0, 8), foot: "metrics and files", to: paths.run(version.tracking_run_id) });
  if (version.gate_decision) then({ id: "gate", kind: "gate", name: "passed", foot: "the evidence", to: paths.gateDecision(version.gate_decision) });
  then({ id: "version", kind: "model version", name: version.ref, foot: short(version.digest), to: null, here: true });
  for (const each of deployments) {
    const arm = each.model === version.model ? each.arms.find((one) => one.version === version.version) : undefined;
    if (arm !== undefined) nodes.push({ id: `deployment ${each.name}`, needs: ["version"], kind: "deployment", name: each.name, foot: arm.arm, to: paths.deployment(each.name) });
  }
  return nodes;
}

const short = (text: string | null, length = 13): string => (text === null ? "" : text.slice(0, length));
