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
  lifecycle?: string;
  started_at: Timestamp;
  ended_at: Timestamp | null;
  user: string;
  params: Record<string, string>;
  metrics: Record<string, MetricValue>;
  tags: Record<string, string>;
  parent_run_id: string | null;
  pipeline_run: { id: string; step: string | null } | null;
}

/** The keys that the runs of an experiment have. */
export interface RunColumns {
  metrics: string[];
  params: string[];
  tags: string[];
  /** Whether there are more than were listed. */
  truncated: { metrics: boolean; params: boolean; tags: boolean };
}

/** What a table shows of runs, under a name that everybody with access to the experiment sees. */
export interface SavedView {
  name: string;
  /** The part of the page's address that holds the view. */
  search: string;
}

export interface RunChange {
  name?: string;
  notes?: string;
  tags?: Record<string, string>;
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

/** A rule about runs fired for one. */
export interface RunAlert {
  rule: string;
  run_id: string;
  run: string;
  experiment_id: string;
  at: Timestamp;
  /** What is wrong with the run, in the server's words. */
  what: string;
  /** Why somebody who should know was not told yet. */
  untold: string | null;
}

/** How long the runs of an experiment are kept. */
export interface Retention {
  /** Deleted so long after they ended: `90d`. */
  delete_after?: string;
  /** Removed for good so long after they were deleted. */
  purge_after?: string;
  /** Runs with this tag stay. */
  keep_tagged?: string;
}

export interface Going {
  count: number;
  runs: { run_id: string; name: string; ended_at: Timestamp | null }[];
}

/** What a rule would do now. */
export interface RetentionPreview extends Retention {
  would: { delete: Going; purge: Going };
}
