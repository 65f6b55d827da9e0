import type { Cause, Timestamp } from "./shapes";

export type RunState = "queued" | "running" | "succeeded" | "refused" | "failed" | "cancelled";
export type StepState =
  | "waiting" | "ready" | "running" | "succeeded" | "cached" | "refused" | "failed" | "skipped" | "cancelled";

export interface Step {
  name: string;
  kind: string;
  state: StepState;
  attempt: number;
  needs: string[];
  cache: { key: string; hit: boolean; why: string } | null;
  started_at: Timestamp | null;
  finished_at: Timestamp | null;
  cpu_seconds: number | null;
  peak_memory_bytes: number | null;
  exit_code: number | null;
  error: string | null;
  outputs: { name: string; digest: string; bytes: number }[];
  tracking_run_id: string | null;
}

export interface PipelineRun {
  id: string;
  pipeline: string;
  number: number;
  state: RunState;
  params: Record<string, unknown>;
  dataset_version: string | null;
  reason: string | null;
  cause: Cause | null;
  created_at: Timestamp;
  started_at: Timestamp | null;
  finished_at: Timestamp | null;
  error: string | null;
  steps: Step[];
}

export interface Pipeline {
  name: string;
  description: string;
  dataset: string | null;
  params: Record<string, unknown>;
  triggers: string[];
  steps: { name: string; kind: string; needs: string[] }[];
  last_run: PipelineRun | null;
}

/** One line of a live log. */
export interface LogLine {
  step: string;
  attempt: number;
  stream: "stdout" | "stderr" | "pitcrew";
  at: Timestamp;
  line: string;
}

export const isActive = (state: RunState): boolean => state === "queued" || state === "running";
