import type { ObjectLink, Timestamp } from "./shapes";

export type WindowState = "ok" | "breach" | "no_data";

export interface WindowMetric {
  value: number | null;
  lower: number | null;
  upper: number | null;
  n: number;
}

export interface Drift {
  feature: string;
  kind: string;
  method: string;
  value: number | null;
  threshold: number | null;
  verdict: "stable" | "drifted" | "no_data";
  missing: number | null;
  unseen: number | null;
}

export interface MonitorWindow {
  monitor: string;
  start: Timestamp;
  end: Timestamp;
  state: WindowState;
  revision: number;
  predictions: number;
  labels: number;
  coverage: number;
  metrics: Record<string, WindowMetric>;
  drift: Drift[];
  quality: { missing: number; out_of_range: number | null; failures: number };
  versions: Record<string, number>;
}

export interface Objective {
  metric: string;
  max?: number | null;
  min?: number | null;
}

export interface Monitor {
  name: string;
  deployment: string;
  window: string;
  objectives: Objective[];
  watermark: Timestamp | null;
  latest: MonitorWindow | null;
}

export type AlertState = "pending" | "firing" | "resolved";

export interface Alert {
  id: string;
  rule: string;
  monitor: string;
  metric: string;
  state: AlertState;
  value: number | null;
  threshold: number | null;
  event_time: Timestamp | null;
  pending_at: Timestamp | null;
  fired_at: Timestamp | null;
  resolved_at: Timestamp | null;
  summary: string;
  action: { run: string; pipeline_run: string | null } | null;
  notifications: { target: string; transition: string; state: string; attempts: number; at: Timestamp | null; error: string | null }[];
}

export type AnnotationKind =
  | "drift" | "alarm" | "resolved" | "data" | "run" | "gate" | "canary" | "promotion" | "rollback";
export type Severity = "info" | "good" | "warning" | "bad";

export interface Annotation {
  t: Timestamp;
  at: Timestamp;
  kind: AnnotationKind;
  title: string;
  detail: string | null;
  severity: Severity;
  link: ObjectLink | null;
}

export interface TimelinePoint {
  t: Timestamp;
  value: number | null;
  n: number;
  state: WindowState;
}

/** What the overview draws; `t` is event time. */
export interface Timeline {
  /** Null with empty points while no monitor is declared. */
  monitor: string;
  metric: string;
  objective: number | null;
  points: TimelinePoint[];
  annotations: Annotation[];
}
