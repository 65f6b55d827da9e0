import type { Cause, Num, Timestamp } from "./shapes";

export interface Tensor {
  name: string;
  datatype: string;
  shape: number[];
}

export interface ModelVersion {
  model: string;
  version: number;
  ref: string;
  /** Null for a version registered from outside without a model file that was read. */
  digest: string | null;
  bytes: number;
  format: string | null;
  signature: { key_id: string; algorithm: string; value: string } | null;
  inputs: Tensor[];
  outputs: Tensor[];
  /** Notes that somebody wrote. */
  description?: string;
  tags?: Record<string, string>;
  tracking_run_id: string | null;
  source: string;
  aliases: string[];
  created_at: Timestamp;
  created_by: string;
  lineage: {
    dataset: string | null;
    dataset_digest: string | null;
    code_digest: string | null;
    git_commit: string | null;
    environment_digest: string | null;
    pipeline_run: string | null;
    params: Record<string, unknown>;
  } | null;
  metrics: Record<string, Num>;
  gate_decision: string | null;
}

export interface Model {
  name: string;
  description: string;
  aliases: Record<string, number>;
  versions: number;
  latest: ModelVersion | null;
  gate?: Gate | null;
}

/** The declared rules of a model. */
export interface Gate {
  floors?: { metric: string; min?: number; max?: number }[];
  champion?: { metric: string; tolerance?: number };
  /** What a version must have before one of the aliases, or any when none is named, may point to it. */
  require?: { aliases?: string[]; gate?: boolean; description?: boolean; tags?: string[] };
}

export interface AliasMove {
  alias: string;
  from: number | null;
  to: number | null;
  at: Timestamp;
  actor: string;
  cause: Cause | null;
  reason: string | null;
}

export interface GateRule {
  name: string;
  kind: string;
  /** Empty for a requirement, which has neither observation nor bound. */
  metric: string;
  observed: Num | null;
  bound: Num | null;
  verdict: string;
  detail: string;
}

export interface GateDecision {
  id: string;
  model: string;
  verdict: "passed" | "refused";
  pipeline_run: string | null;
  at: Timestamp;
  version: number | null;
  champion: number | null;
  rows: number | null;
  metrics: Record<string, Num>;
  champion_metrics: Record<string, Num> | null;
  rules: GateRule[];
  cause: Cause | null;
}

/** A webhook; where it sends is told, its path and secret are not. */
export interface Webhook {
  id: string;
  name: string;
  description: string;
  target: string;
  topics: string[];
  active: boolean;
  last_failure: { at: Timestamp; why: string } | null;
  created_at: Timestamp;
  updated_at: Timestamp;
}
