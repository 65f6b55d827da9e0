/** What differs between two versions of a model. Pure functions. */
import type { ModelVersion, Tensor } from "../../api/registry";
import type { Num } from "../../api/shapes";
import { num } from "../../kit/format";
import { byWorth, isBetter } from "../../kit/metricOrder";

export interface MetricRow {
  key: string;
  left: Num | undefined;
  right: Num | undefined;
  /** Right minus left; not a number where one is missing. */
  difference: number;
  verdict: "better" | "poorer" | "same" | "unknown";
}

export function metricRows(left: Record<string, Num>, right: Record<string, Num>): MetricRow[] {
  return byWorth(unionOf(left, right)).map((key) => {
    const [a, b] = [num(left[key]), num(right[key])];
    const verdict = Number.isNaN(a) || Number.isNaN(b) ? "unknown" : a === b ? "same" : isBetter(key, b, a) ? "better" : "poorer";
    return { key, left: left[key], right: right[key], difference: b - a, verdict };
  });
}

export interface ValueRow {
  key: string;
  left: string | undefined;
  right: string | undefined;
  same: boolean;
}

/** Names with what each side says: those that differ first, then those that only one side has. */
export function valueRows(left: Record<string, unknown>, right: Record<string, unknown>): ValueRow[] {
  const rows = unionOf(left, right).map((key): ValueRow => {
    const [a, b] = [written(left[key]), written(right[key])];
    return { key, left: a, right: b, same: a === b };
  });
  const rank = (row: ValueRow): number => (row.same ? 2 : row.left === undefined || row.right === undefined ? 1 : 0);
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

const unionOf = (left: object, right: object): string[] => [...new Set([...Object.keys(left), ...Object.keys(right)])].toSorted((a, b) => a.localeCompare(b));
const written = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : typeof value === "string" ? value : JSON.stringify(value));

export const specOf = (tensor: Tensor): string => `${tensor.datatype} [${tensor.shape.map((n) => (n < 0 ? "any" : n)).join(", ")}]`;

/** Tensors by name: an input that came, went or changed its type breaks a caller. */
export function signatureRows(left: Tensor[], right: Tensor[]): ValueRow[] {
  const specs = (list: Tensor[]): Record<string, string> => Object.fromEntries(list.map((tensor) => [tensor.name, specOf(tensor)]));
  return valueRows(specs(left), specs(right));
}

/** The two that are worth comparing when nobody said which: the champion and the newest other. */
export function defaultPair(versions: ModelVersion[], champion: number | undefined): [number | undefined, number | undefined] {
  const newest = versions.toSorted((a, b) => b.version - a.version).map((each) => each.version);
  const left = champion ?? newest[1];
  return [left, newest.find((each) => each !== left)];
}

/** What the signature's differences mean for those who call the model. */
export function signatureVerdict(inputs: ValueRow[], outputs: ValueRow[]): string {
  const rows = [...inputs, ...outputs];
  if (rows.length === 0) return "Neither has a signature that could be read.";
  if (rows.every((row) => row.left === undefined) || rows.every((row) => row.right === undefined)) return "Only one of them has a signature that could be read, so there is nothing to compare.";
  const changed = rows.filter((row) => !row.same);
  if (changed.length === 0) return "The same signature: callers notice nothing.";
  const gone = inputs.filter((row) => row.right === undefined).map((row) => row.key);
  const come = inputs.filter((row) => row.left === undefined).map((row) => row.key);
  const others = changed.length - gone.length - come.length;
  return [
    come.length > 0 ? `Callers must send ${come.join(", ")}.` : "", gone.length > 0 ? `No longer read: ${gone.join(", ")}.` : "",
    others === 0 ? "" : `${others} ${others === 1 ? "tensor changes its" : "tensors change their"} type or shape.`,
  ].filter(Boolean).join(" ");
}
