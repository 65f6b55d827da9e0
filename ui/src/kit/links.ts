/** Addresses of the objects. The only place that knows the shape of the application's URLs. */
import { seg } from "../api/client";

export const paths = {
  overview: () => "/",
  runs: () => "/runs",
  run: (id: string) => `/runs/${seg(id)}`,
  compareRuns: (ids: string[]) => `/runs/compare?${ids.map((id) => `run=${seg(id)}`).join("&")}`,
  pipelines: () => "/pipelines",
  pipeline: (name: string) => `/pipelines/${seg(name)}`,
  pipelineRun: (id: string) => `/pipeline-runs/${seg(id)}`,
  traces: (filter?: string) => `/traces${filter === undefined ? "" : `?filter=${seg(filter)}`}`,
  trace: (id: string, span?: string) => `/traces/${seg(id)}${span === undefined ? "" : `?span=${seg(span)}`}`,
  models: () => "/models",
  model: (name: string) => `/models/${seg(name)}`,
  modelVersion: (name: string, version: number | string) => `/models/${seg(name)}/versions/${seg(version)}`,
  modelCard: (name: string, version: number | string) => `/models/${seg(name)}/versions/${seg(version)}/card`,
  compareVersions: (name: string, right?: number | string) => `/models/${seg(name)}/compare${right === undefined ? "" : `?right=${seg(right)}`}`,
  gateDecision: (id: string) => `/gate-decisions/${seg(id)}`,
  deployments: () => "/deployments",
  deployment: (name: string) => `/deployments/${seg(name)}`,
  release: (id: string) => `/releases/${seg(id)}`,
  data: () => "/data",
  dataset: (name: string) => `/data/${seg(name)}`,
  datasetVersion: (name: string, version: number | string) => `/data/${seg(name)}/versions/${seg(version)}`,
  checkReports: (name: string) => `/data/${seg(name)}/check-reports`,
  monitors: () => "/monitors",
  monitor: (name: string) => `/monitors/${seg(name)}`,
  alerts: () => "/alerts",
  alert: (id: string) => `/alerts/${seg(id)}`,
  activity: () => "/activity",
  audit: () => "/audit",
  webhooks: () => "/webhooks",
};

const split = (reference: string, at: string): [string, string] | null => {
  const place = reference.lastIndexOf(at);
  return place <= 0 ? null : [reference.slice(0, place), reference.slice(place + 1)];
};

/** The page of an object that an event, a cause or an annotation names; null when it has none (a user, a schedule). */
export function pathOf(kind: string, id: string): string | null {
  switch (kind) {
    case "release": return paths.release(id);
    case "pipeline_run": return paths.pipelineRun(id);
    case "pipeline": return paths.pipeline(id);
    case "run":
    case "tracking_run": return id.startsWith("run_") ? paths.pipelineRun(id) : paths.run(id);
    case "alert": return paths.alert(id);
    case "gate_decision":
    case "gate": return paths.gateDecision(id);
    case "deployment": return paths.deployment(id);
    case "monitor": return paths.monitor(id);
    case "model": return modelPath(id);
    case "model_version": return modelPath(id);
    case "dataset":
    case "dataset_version": return datasetPath(id);
    case "check_report": return null;
    default: return null;
  }
}

function modelPath(reference: string): string {
  const parts = split(reference, "/");
  return parts === null ? paths.model(reference) : paths.modelVersion(parts[0], parts[1]);
}

function datasetPath(reference: string): string {
  const parts = split(reference, "@");
  return parts === null ? paths.dataset(reference) : paths.datasetVersion(parts[0], parts[1]);
}
