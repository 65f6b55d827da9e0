/** The six sectors of the lap, as the overview's strip shows them. Pure. */
import type { Dataset } from "../../api/data";
import type { Deployment, Release } from "../../api/serving";
import type { GateDecision } from "../../api/registry";
import type { Alert, Monitor } from "../../api/monitoring";
import type { PipelineRun } from "../../api/pipelines";
import { compact, count, metric, micros, percent } from "../../kit/format";
import { paths } from "../../kit/links";
import { type Tone, labelOf, toneOf } from "../../kit/tone";

export interface Sector {
  name: string;
  value: string;
  detail: string;
  /** Wall time, shown as distance from now. */
  at: string | null;
  tone: Tone;
  to: string;
}

export interface LapInput {
  dataset: Dataset | undefined;
  run: PipelineRun | undefined;
  gate: GateDecision | undefined;
  release: Release | undefined;
  deployment: Deployment | undefined;
  monitor: Monitor | undefined;
  alert: Alert | undefined;
}

export function sectorsOf(input: LapInput): Sector[] {
  return [dataSector(input), trainSector(input), gateSector(input), releaseSector(input), serveSector(input), monitorSector(input)];
}

const waiting = (name: string, detail: string, to: string): Sector => ({ name, value: "–", detail, at: null, tone: "idle", to });

function dataSector({ dataset }: LapInput): Sector {
  const latest = dataset?.latest;
  if (!latest) return waiting("Data", "no version yet", paths.data());
  const passed = latest.gate === "passed";
  return { name: "Data", value: latest.ref, detail: `${count(latest.rows)} rows, ${labelOf(latest.gate)}`, at: latest.created_at, tone: passed ? "good" : "warn", to: paths.datasetVersion(latest.dataset, latest.version) };
}

function trainSector({ run }: LapInput): Sector {
  if (run === undefined) return waiting("Train", "no run yet", paths.pipelines());
  const step = run.steps.find((each) => each.state === "running");
  return { name: "Train", value: `${run.pipeline} #${run.number}`, detail: step === undefined ? labelOf(run.state) : `running ${step.name}`, at: run.finished_at ?? run.created_at, tone: toneOf(run.state), to: paths.pipelineRun(run.id) };
}

function gateSector({ gate }: LapInput): Sector {
  if (gate === undefined) return waiting("Gate", "no decision yet", paths.models());
  const refused = gate.rules.find((rule) => rule.verdict !== "passed");
  const first = refused ?? gate.rules[0];
  return { name: "Gate", value: labelOf(gate.verdict), detail: first === undefined ? "" : `${first.metric} ${metric(first.observed)} of ${metric(first.bound)}`, at: gate.at, tone: toneOf(gate.verdict), to: paths.gateDecision(gate.id) };
}

function releaseSector({ release }: LapInput): Sector {
  if (release === undefined) return waiting("Release", "none yet", paths.deployments());
  const share = release.steps[release.step]?.share;
  const running = release.state === "running";
  return {
    name: "Release", value: running ? `canary ${percent(share)}` : labelOf(release.state), detail: `${release.model}/${release.candidate}${running ? ` against ${release.model}/${release.champion ?? "–"}` : ""}`,
    at: release.ended_at ?? release.started_at, tone: toneOf(release.state), to: paths.release(release.id),
  };
}

function serveSector({ deployment }: LapInput): Sector {
  const arm = deployment?.arms[0];
  if (deployment === undefined || arm === undefined) return waiting("Serve", "nothing served yet", paths.deployments());
  return {
    name: "Serve", value: `${deployment.model}/${arm.version}`, detail: arm.requests === 0 ? "no request since the start" : `${compact(arm.requests)} req, p99 ${micros(arm.latency?.p99_us)}`, at: null,
    tone: deployment.state === "empty" ? "idle" : arm.failures > 0 ? "warn" : "good", to: paths.deployment(deployment.name),
  };
}

function monitorSector({ monitor, alert }: LapInput): Sector {
  const objective = monitor?.objectives[0];
  if (monitor === undefined || objective === undefined) return waiting("Monitor", "no monitor yet", paths.monitors());
  const value = monitor.latest?.metrics[objective.metric]?.value;
  const bound = objective.max ?? objective.min;
  const open = alert !== undefined && alert.state !== "resolved";
  return {
    name: "Monitor", value: open ? `alert ${alert.state}` : `${objective.metric} ${metric(value)}`, detail: open ? `${objective.metric} ${metric(value)} of ${metric(bound)}` : `objective ${metric(bound)}`, at: null,
    tone: open ? toneOf(alert.state) : toneOf(monitor.latest?.state ?? "no_data"), to: open ? paths.alert(alert.id) : paths.monitor(monitor.name),
  };
}
