import type { Num, Timestamp } from "./shapes";

export interface Experiment {
  experiment_id: string;
  name: string;
}

export interface MetricValue {
  value: Num;
  step: number;
  at: Timestamp;
}

export interface Run {
  run_id: string;
  experiment_id: string;
  experiment: string;
  name: string;
  status: string;
  started_at: Timestamp;
  ended_at: Timestamp | null;
  user: string;
  params: Record<string, string>;
  metrics: Record<string, MetricValue>;
  tags: Record<string, string>;
  parent_run_id: string | null;
  pipeline_run: { id: string; step: string | null } | null;
}

export interface MetricSeries {
  key: string;
  points: { step: number; at: Timestamp; value: Num }[];
}

export interface Artifact {
  path: string;
  is_dir: boolean;
  bytes: number | null;
}
