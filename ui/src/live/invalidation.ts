/** Which queries an event makes stale. Keys are the first word of the query keys in each slice's `queries.ts`. */
export type QueryRoot =
  | "status" | "projects" | "events" | "audit"
  | "datasets" | "check-reports"
  | "pipelines" | "pipeline-runs"
  | "runs" | "experiments"
  | "models" | "gate-decisions"
  | "deployments" | "releases"
  | "monitors" | "alerts" | "timeline";

/** Stale after every event: the feed, the audit trail, and whether the loop rests. */
const ALWAYS: QueryRoot[] = ["events", "status", "audit"];

const RELEASE: QueryRoot[] = ["releases", "deployments", "timeline"];

const BY_NAME: Record<string, QueryRoot[]> = {
  "data.version_created": ["datasets", "timeline"],
  "data.checks_failed": ["datasets", "check-reports", "timeline"],
  "tracking.run_started": ["runs", "experiments"],
  "tracking.run_finished": ["runs"],
  "pipelines.run_created": ["pipelines", "pipeline-runs", "timeline"],
  "pipelines.run_started": ["pipelines", "pipeline-runs", "timeline"],
  "pipelines.step_started": ["pipeline-runs"],
  "pipelines.step_finished": ["pipeline-runs"],
  "pipelines.run_finished": ["pipelines", "pipeline-runs", "timeline", "runs"],
  "registry.gate_decided": ["gate-decisions", "models", "timeline"],
  "registry.version_registered": ["models"],
  "registry.alias_moved": ["models", "deployments"],
  "serving.model_loaded": ["deployments"],
  "serving.release_started": RELEASE,
  "serving.release_stepped": RELEASE,
  "serving.release_promoted": [...RELEASE, "models"],
  "serving.release_rolled_back": [...RELEASE, "models"],
  "monitoring.drift_detected": ["monitors", "timeline"],
  "monitoring.alert_pending": ["alerts", "monitors", "timeline"],
  "monitoring.alert_fired": ["alerts", "monitors", "timeline"],
  "monitoring.alert_resolved": ["alerts", "monitors", "timeline"],
  "project.applied": ["projects", "datasets", "pipelines", "models", "deployments", "monitors", "alerts"],
};

/**
 * Events of the data plane: there may be several a second, and they tell the loop, not its readers. They are no news in the feed, and what
 * they change is polled anyway.
 */
const QUIET = new Set(["serving.log_advanced"]);

export const isQuiet = (eventName: string): boolean => QUIET.has(eventName);

/** An event this build does not know still refreshes its slice, by the part of its name before the dot. */
const BY_SLICE: Record<string, QueryRoot[]> = {
  data: ["datasets", "check-reports"],
  tracking: ["runs", "experiments"],
  pipelines: ["pipelines", "pipeline-runs"],
  registry: ["models", "gate-decisions"],
  serving: RELEASE,
  monitoring: ["monitors", "alerts", "timeline"],
};

export function staleAfter(eventName: string): QueryRoot[] {
  if (isQuiet(eventName)) return [];
  const slice = eventName.split(".")[0] ?? "";
  return [...ALWAYS, ...(BY_NAME[eventName] ?? BY_SLICE[slice] ?? [])];
}

/** The names the map knows, for the test that compares it with the contract. */
export const KNOWN_EVENTS: string[] = Object.keys(BY_NAME);
