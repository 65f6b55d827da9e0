import type { Cause, Timestamp } from "./shapes";

/** Every name `docs/api.md` lists. An unknown name is shown too; it only lacks an icon of its own. */
export type EventName =
  | "data.version_created"
  | "data.checks_failed"
  | "tracking.run_started"
  | "tracking.run_finished"
  | "pipelines.run_created"
  | "pipelines.run_started"
  | "pipelines.step_started"
  | "pipelines.step_finished"
  | "pipelines.run_finished"
  | "registry.gate_decided"
  | "registry.version_registered"
  | "registry.alias_moved"
  | "serving.model_loaded"
  | "serving.release_started"
  | "serving.release_stepped"
  | "serving.release_promoted"
  | "serving.release_rolled_back"
  | "monitoring.drift_detected"
  | "monitoring.alert_pending"
  | "monitoring.alert_fired"
  | "monitoring.alert_resolved"
  | "project.applied";

export interface Event {
  seq: number;
  id: string;
  name: string;
  subject: { kind: string; name: string };
  at: Timestamp;
  actor: string;
  cause: Cause | null;
  summary: string;
  data: Record<string, unknown>;
}

export interface AuditEntry {
  seq: number;
  at: Timestamp;
  actor: string;
  action: string;
  subject: string;
  detail: unknown;
  hash: string;
}
