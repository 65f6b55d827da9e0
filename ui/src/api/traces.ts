import type { Timestamp } from "./shapes";

export type TraceState = "STATE_UNSPECIFIED" | "OK" | "ERROR" | "IN_PROGRESS";

/** What somebody thinks of a trace or of one of its spans. */
export interface Assessment {
  assessment_id: string;
  kind: "feedback" | "expectation" | "issue";
  name: string;
  value: unknown;
  error: { error_code: string; error_message?: string } | null;
  source_type: string;
  source_id: string;
  span_id: string | null;
  rationale: string | null;
  metadata: Record<string, string>;
  overrides: string | null;
  /** Whether none takes its place. */
  valid: boolean;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface Trace {
  trace_id: string;
  experiment_id: string;
  name: string | null;
  state: TraceState;
  started_at: Timestamp;
  /** Null while it goes on. */
  duration_ms: number | null;
  client_request_id: string | null;
  request_preview: string | null;
  response_preview: string | null;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  assessments: Assessment[];
}

export interface SpanEvent {
  name: string;
  offset_ns: number;
  attributes: Record<string, unknown>;
}

/** A piece of work within a trace; offsets count from the beginning of the first span. */
export interface Span {
  span_id: string;
  parent_id: string | null;
  name: string;
  kind: string | null;
  status: "UNSET" | "OK" | "ERROR";
  message?: string;
  offset_ns: number;
  /** Null while it goes on. */
  duration_ns: number | null;
  attributes: Record<string, unknown>;
  events: SpanEvent[];
  links: { trace_id: string; span_id: string; attributes: Record<string, unknown> }[];
}

export interface WholeTrace extends Trace {
  /** Without it the spans are a file among the artifacts of the trace. */
  spans_here: boolean;
  spans: Span[];
}
