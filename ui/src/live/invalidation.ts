/** Which queries an event makes stale. Keys are the first word of the query keys in each slice's `queries.ts`. */
export type QueryRoot =
  | "status" | "projects" | "events" | "audit"
  | "datasets" | "check-reports"
  | "pipelines" | "pipeline-runs"
  | "runs" | "experiments"
  | "traces"
  | "models" | "gate-decisions" | "webhooks"
  | "deployments" | "releases"
  | "monitors" | "alerts" | "timeline";

/** Stale after every event that is news: the feed, the audit trail, and whether the loop rests. */
const ALWAYS: QueryRoot[] = ["events", "status", "audit"];
/** Stale after a change that is no news. */
const AUDITED: QueryRoot[] = ["audit"];

const RELEASE: QueryRoot[] = ["releases", "deployments", "timeline"];

const BY_NAME: Record<string, QueryRoot[]> = {
  "data.version_created": ["datasets", "timeline"],
  "data.checks_failed": ["datasets", "check-reports", "timeline"],
  "tracking.run_started": ["runs", "experiments"],
  "tracking.run_finished": ["runs"],
  "tracking.run_updated": ["runs"],
  "tracking.run_renamed": ["runs"],
  "tracking.run_deleted": ["runs"],
  "tracking.run_restored": ["runs"],
  "tracking.run_tagged": ["runs"],
  "tracking.experiment_created": ["experiments"],
  "tracking.experiment_renamed": ["experiments", "runs"],
  "tracking.experiment_deleted": ["experiments", "runs"],
  "tracking.experiment_restored": ["experiments", "runs"],
  "tracking.experiment_tagged": ["experiments"],
  "tracking.view_saved": ["experiments"],
  "tracking.view_removed": ["experiments"],
  "tracking.run_alert_fired": ["runs"],
  "tracking.run_purged": ["runs"],
  "tracking.run_moved": ["runs", "experiments"],
  "tracking.run_copied": ["runs", "experiments"],
  "tracking.run_imported": ["runs", "experiments"],
  "tracking.experiment_purged": ["experiments", "runs"],
  "tracking.retention_changed": ["experiments"],
  "tracking.artifact_replaced": ["runs"],
  "tracking.artifact_deleted": ["runs"],
  "tracking.logged_model_created": ["runs"],
  "tracking.logged_model_finalized": ["runs"],
  "tracking.logged_model_tagged": ["runs"],
  "tracking.logged_model_deleted": ["runs"],
  "traces.deleted": ["traces"],
  "pipelines.run_created": ["pipelines", "pipeline-runs", "timeline"],
  "pipelines.run_started": ["pipelines", "pipeline-runs", "timeline"],
  "pipelines.step_started": ["pipeline-runs"],
  "pipelines.step_finished": ["pipeline-runs"],
  "pipelines.cancel_requested": ["pipeline-runs"],
  "pipelines.run_finished": ["pipelines", "pipeline-runs", "timeline", "runs"],
  "registry.gate_decided": ["gate-decisions", "models", "timeline"],
  "registry.version_registered": ["models"],
  "registry.version_updated": ["models"],
  "registry.version_tagged": ["models"],
  "registry.version_deleted": ["models"],
  "registry.model_created": ["models"],
  "registry.model_described": ["models"],
  "registry.model_tagged": ["models"],
  "registry.model_renamed": ["models"],
  "registry.model_deleted": ["models"],
  "registry.webhook_changed": ["webhooks"],
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
  "auth.token_created": [],
  "auth.token_revoked": [],
  "server.garbage_collected": [],
};

/** The arrival of traffic: several times a second, no change that somebody made, and what it changes is polled anyway. */
const TRAFFIC = "serving.log_advanced";

/** Events that come by the dozen while data is logged. They are no news in the feed, nor in the server's list of the latest. */
export const QUIET: ReadonlySet<string> = new Set([
  TRAFFIC, "registry.model_tagged", "registry.version_tagged", "tracking.artifact_replaced", "tracking.experiment_tagged",
  "tracking.logged_model_created", "tracking.logged_model_finalized", "tracking.logged_model_tagged", "tracking.run_tagged",
  "tracking.view_saved", "tracking.view_removed",
]);

export const isQuiet = (eventName: string): boolean => QUIET.has(eventName);

/** An event this build does not know still refreshes its slice, by the part of its name before the dot. */
const BY_SLICE: Record<string, QueryRoot[]> = {
  data: ["datasets", "check-reports"],
  tracking: ["runs", "experiments"],
  traces: ["traces"],
  pipelines: ["pipelines", "pipeline-runs"],
  registry: ["models", "gate-decisions"],
  serving: RELEASE,
  monitoring: ["monitors", "alerts", "timeline"],
};

export function staleAfter(eventName: string): QueryRoot[] {
  if (eventName === TRAFFIC) return [];
  const slice = eventName.split(".")[0] ?? "";
  return [...(isQuiet(eventName) ? AUDITED : ALWAYS), ...(BY_NAME[eventName] ?? BY_SLICE[slice] ?? [])];
}

/** The names the map knows, for the test that compares it with the contract. */
export const KNOWN_EVENTS: string[] = Object.keys(BY_NAME);
