import type { Cause, Num, Timestamp } from "./shapes";

export type ColumnType = "bool" | "int" | "float" | "string" | "date" | "timestamp";
export type CheckStatus = "pass" | "warn" | "fail";

export interface Column {
  name: string;
  type: ColumnType;
  nullable: boolean;
}

export interface ColumnProfile {
  name: string;
  type: ColumnType;
  count: number;
  nulls: number;
  distinct: number | null;
  min?: Num | string | null;
  max?: Num | string | null;
  mean?: Num | null;
  std?: Num | null;
  quantiles?: [number, Num][] | null;
  histogram?: { edges: number[]; counts: number[] } | null;
  top?: { value: string; count: number }[] | null;
}

export interface Check {
  name: string;
  column: string | null;
  severity: string;
  status: CheckStatus;
  observed: string;
  expected: string;
  failing_rows: number;
  samples: unknown[];
}

export interface DatasetVersion {
  dataset: string;
  version: number;
  ref: string;
  digest: string;
  rows: number;
  bytes: number;
  new_bytes: number;
  files: { path: string; digest: string; bytes: number; rows: number }[];
  schema: Column[];
  profile: { rows: number; columns: ColumnProfile[] } | null;
  checks: Check[];
  gate: string;
  created_at: Timestamp;
  created_by: string;
  cause: Cause | null;
}

export interface Dataset {
  name: string;
  description: string;
  source: string;
  versions: number;
  latest: DatasetVersion | null;
  /** The column of event time, where one is declared; only in the answer for one data set. */
  time?: string | null;
}

/** What the gate of a data set saw, whether it let the data pass or not. */
export interface CheckReport {
  id: string;
  dataset: string;
  at: Timestamp;
  actor: string;
  cause: Cause | null;
  gate: string;
  rows: number;
  version: number | null;
  checks: Check[];
}
