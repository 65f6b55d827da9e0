import type { Cause, Timestamp } from "./shapes";

export interface Latency {
  p50_us: number;
  p95_us: number;
  p99_us: number;
}

export interface Arm {
  arm: string;
  version: number;
  share: number;
  /** Those whose callers got this arm's answer. */
  requests: number;
  /** Those it computed and nobody saw: for the comparison, or because the champion had to answer. */
  unseen: number;
  failures: number;
  latency: Latency | null;
}

export interface Deployment {
  name: string;
  model: string;
  alias: string;
  state: "empty" | "loading" | "serving" | "releasing";
  arms: Arm[];
  release: string | null;
  watermark: Timestamp | null;
  endpoints: Record<string, string>;
}

/** One second of wall time of one arm. */
export interface TrafficPoint {
  at: Timestamp;
  arm: string;
  version: number;
  /** Those whose callers got this arm's answer. */
  requests: number;
  /** Those it computed and nobody saw: for the comparison, or because the champion had to answer. */
  unseen: number;
  failures: number;
  p50_us: number;
  p99_us: number;
}

export interface Prediction {
  request_id: string;
  event_time: Timestamp | null;
  at: Timestamp;
  arm: string;
  version: number;
  /** `shadow` answers were computed for comparison only; nobody got them. */
  role?: "served" | "shadow";
  latency_us: number;
  status: string | number;
  features: Record<string, unknown>;
  prediction: unknown;
  label: number | null;
}

export type ReleaseState = "running" | "promoted" | "rolled_back" | "aborted" | "expired";
export type EvidenceVerdict = "continue" | "better" | "no_worse" | "worse" | "guardrail" | "expired" | "no_data";

export interface Evidence {
  at: Timestamp;
  event_time: Timestamp | null;
  step: number;
  pairs: number;
  mean_difference: number | null;
  lower: number | null;
  upper: number | null;
  champion_mean: number | null;
  candidate_mean: number | null;
  champion_p99_us: number | null;
  candidate_p99_us: number | null;
  champion_failures: number;
  candidate_failures: number;
  verdict: EvidenceVerdict;
}

export interface ReleaseStep {
  share: number;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
  event_time: Timestamp | null;
  verdict: string | null;
}

export interface Release {
  id: string;
  deployment: string;
  model: string;
  champion: number | null;
  candidate: number;
  state: ReleaseState;
  step: number;
  steps: ReleaseStep[];
  started_at: Timestamp;
  ended_at: Timestamp | null;
  event_time: Timestamp | null;
  reason: string | null;
  cause: Cause | null;
  judge: { metric: string; alpha: number; min_samples: number; paired: boolean };
  evidence: Evidence[];
}
