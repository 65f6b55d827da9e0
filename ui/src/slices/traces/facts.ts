/** What traces and spans tell of themselves in MLflow's words. Pure functions. */
import type { Span, Trace } from "../../api/traces";

const KEY = {
  tokens: "mlflow.chat.tokenUsage",
  cost: "mlflow.llm.cost",
  model: "mlflow.llm.model",
  provider: "mlflow.llm.provider",
  inputs: "mlflow.spanInputs",
  outputs: "mlflow.spanOutputs",
} as const;

/** Attributes that have a place of their own beside the list of attributes. */
const TOLD_ELSEWHERE = new Set<string>([...Object.values(KEY), "mlflow.spanType", "mlflow.traceRequestId"]);

export interface Usage {
  input: number | null;
  output: number | null;
  total: number | null;
}

/** JSON in a text, or nothing. */
export function parsed(text: string | null | undefined): unknown {
  if (text === null || text === undefined || text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const fieldOf = (value: unknown, key: string): unknown => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined);
const numberOf = (value: unknown): number | null => {
  const n = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof n === "number" && Number.isFinite(n) ? n : null;
};

function usageOf(value: unknown, suffix: string): Usage | null {
  const usage = { input: numberOf(fieldOf(value, `input_${suffix}`)), output: numberOf(fieldOf(value, `output_${suffix}`)), total: numberOf(fieldOf(value, `total_${suffix}`)) };
  return usage.input === null && usage.output === null && usage.total === null ? null : usage;
}

export const tokensOfTrace = (trace: Trace): Usage | null => usageOf(parsed(trace.metadata["mlflow.trace.tokenUsage"]), "tokens");
export const costOfTrace = (trace: Trace): Usage | null => usageOf(parsed(trace.metadata["mlflow.trace.cost"]), "cost");
export const tokensOfSpan = (span: Span): Usage | null => usageOf(span.attributes[KEY.tokens], "tokens");
export const costOfSpan = (span: Span): Usage | null => usageOf(span.attributes[KEY.cost], "cost");
export const totalOf = (usage: Usage | null): number | null => (usage === null ? null : usage.total ?? (usage.input ?? 0) + (usage.output ?? 0));

export const inputsOf = (span: Span): unknown => span.attributes[KEY.inputs];
export const outputsOf = (span: Span): unknown => span.attributes[KEY.outputs];
export function modelOf(span: Span): string | null {
  const model = span.attributes[KEY.model];
  const provider = span.attributes[KEY.provider];
  return typeof model !== "string" ? null : typeof provider === "string" ? `${model}, ${provider}` : model;
}

export const otherAttributes = (span: Span): [string, unknown][] =>
  Object.entries(span.attributes).filter(([key]) => !TOLD_ELSEWHERE.has(key)).toSorted(([a], [b]) => a.localeCompare(b));

/** Money in dollars with the digits that matter: `$0.0046`. */
export function dollars(value: number | null): string {
  if (value === null) return "–";
  const digits = value === 0 || value >= 1 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(Math.abs(value))));
  return `$${value.toFixed(digits)}`;
}

/** What a preview says in one line: the only value of a small object stands for the object. */
export function previewWords(preview: string | null): string {
  const value = parsed(preview);
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return preview ?? "";
  const messages = fieldOf(value, "messages");
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  const content = fieldOf(last, "content");
  if (typeof content === "string") return content;
  const texts = Object.values(value).filter((each): each is string => typeof each === "string");
  return texts.length === 1 ? texts[0] ?? "" : preview ?? "";
}

/** The families of kinds, each with a colour. The same kinds under OpenTelemetry's and MLflow's names. */
export type Family = "flow" | "model" | "search" | "tool" | "check" | "other";

const FAMILIES: Record<string, Family> = {
  AGENT: "flow", CHAIN: "flow", WORKFLOW: "flow", TASK: "flow",
  LLM: "model", CHAT_MODEL: "model", EMBEDDING: "model",
  RETRIEVER: "search", RERANKER: "search", MEMORY: "search",
  TOOL: "tool", FUNCTION: "tool",
  PARSER: "check", GUARDRAIL: "check", EVALUATOR: "check",
};

export const familyOf = (kind: string | null): Family => FAMILIES[(kind ?? "").toUpperCase()] ?? "other";
export const FAMILY_WORDS: [Family, string][] = [["flow", "agents and chains"], ["model", "language models"], ["search", "retrieval"], ["tool", "tools"], ["check", "parsers and checks"], ["other", "other"]];
export const kindWords = (kind: string | null): string => (kind === null || kind === "UNKNOWN" ? "span" : kind.toLowerCase().replaceAll("_", " "));
