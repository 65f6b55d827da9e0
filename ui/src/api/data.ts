import type { Cause, Num, Timestamp } from "./common";

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
}

/**
 * The kept report of a data gate. The contract names the list but not its fields, so only those that any check report must have
 * are required here; the rest is shown when present.
 */
export interface CheckReport {
  id?: string;
  dataset?: string;
  version?: number | null;
  ref?: string | null;
  digest?: string;
  rows?: number;
  gate?: string;
  checks: Check[];
  created_at?: Timestamp;
  at?: Timestamp;
  cause?: Cause | null;
}
