/** Traces of an assistant that answers questions about the city's bicycles, and one of two thousand spans. */
import { iso } from "./clock.mjs";
import { random } from "./random.mjs";

const QUESTIONS = ["How many rentals do we expect at 17:00?", "Why did the model change in March?", "Which zone runs dry first on Saturdays?", "What does a wape of 0.2 mean?", "Is rain in the forecast a feature?"];
const MS = 1e6;
const MANY = 1999;

function spanOf(rng, parent, name, kind, from, took, attributes = {}, more = {}) {
  return { span_id: rng.hex(16), parent_id: parent, name, kind, status: "OK", offset_ns: from * MS, duration_ns: Math.round(took * MS), attributes: { "mlflow.spanType": kind, ...attributes }, events: [], links: [], ...more };
}

const STACK = 'Traceback (most recent call last):\n  File "/srv/assistant/tools.py", line 41, in forecast\n    raise TimeoutError("the forecast did not answer in 2 s")\nTimeoutError: the forecast did not answer in 2 s';

function answerSpans(rng, question, failed) {
  const root = spanOf(rng, null, "answer", "AGENT", 0, 2400, { "mlflow.spanInputs": { question }, ...(failed ? {} : { "mlflow.spanOutputs": "About 412 rentals, between 350 and 470." }) });
  const of = (...rest) => spanOf(rng, root.span_id, ...rest);
  const plan = of("plan", "CHAIN", 12, 690);
  const chat = (parent, name, from, took, messages, said) => spanOf(rng, parent, name, "CHAT_MODEL", from, took, { "mlflow.spanInputs": { model: "small-3", temperature: 0.2, messages }, "mlflow.spanOutputs": { choices: [{ index: 0, message: said, finish_reason: "stop" }] },
    "mlflow.chat.tokenUsage": { input_tokens: 412, output_tokens: 58, total_tokens: 470 }, "mlflow.llm.cost": { input_cost: 0.0008, output_cost: 0.0011, total_cost: 0.0019 }, "mlflow.llm.model": "small-3", "mlflow.llm.provider": "acme" });
  const system = { role: "system", content: "You answer questions about bicycle rentals. Use the tools." };
  const tool = of("forecast", "TOOL", 1010, failed ? 1380 : 320, { "mlflow.spanInputs": { at: "2012-06-18T17:00:00Z" }, ...(failed ? {} : { "mlflow.spanOutputs": { expected: 412, low: 350, high: 470 } }) });
  const spans = [root, plan, chat(plan.span_id, "choose a tool", 30, 640, [system, { role: "user", content: question }], { role: "assistant", content: null, tool_calls: [{ function: { name: "forecast", arguments: '{"at":"2012-06-18T17:00:00Z"}' } }] }),
    of("retrieve", "RETRIEVER", 710, 260, { "mlflow.spanInputs": { q: question }, "mlflow.spanOutputs": [{ page_content: "Rentals peak at 17:00 on working days.", metadata: { doc_uri: "handbook.md" } }] }), of("embed", "EMBEDDING", 716, 80), tool];
  if (failed) {
    for (const each of [root, tool]) Object.assign(each, { status: "ERROR", message: "TimeoutError: the forecast did not answer in 2 s", events: [{ name: "exception", offset_ns: each.offset_ns + each.duration_ns, attributes: { "exception.type": "TimeoutError", "exception.message": "the forecast did not answer in 2 s", "exception.stacktrace": STACK } }] });
    return spans;
  }
  return [...spans, chat(root.span_id, "write the answer", 1350, 1010, [system, { role: "user", content: question }, { role: "tool", content: '{"expected":412}' }], { role: "assistant", content: "About 412 rentals, between 350 and 470." }), of("check the numbers", "GUARDRAIL", 2362, 30)];
}

function manySpans(rng) {
  const root = spanOf(rng, null, "score a day", "CHAIN", 0, 9800);
  const spans = [root];
  for (let i = 0; spans.length < MANY; i += 1) {
    const step = spanOf(rng, root.span_id, `hour ${i}`, "CHAIN", 5 + i * 14.6, 14);
    spans.push(step, spanOf(rng, step.span_id, "features", "PARSER", 5.4 + i * 14.6, 3 + 2 * rng.next()), spanOf(rng, step.span_id, "predict", "TOOL", 11 + i * 14.6, 4 + 3 * rng.next()));
  }
  return spans.slice(0, MANY);
}

function traceOf(rng, i, name, spans, question) {
  const failed = spans[0].status === "ERROR";
  const tokens = spans.filter((each) => each.kind === "CHAT_MODEL").length;
  const at = iso(Date.now() - (i + 1) * 47_000);
  return { trace_id: `tr-${rng.hex(32)}`, experiment_id: "1", name, state: failed ? "ERROR" : "OK", started_at: at, duration_ms: Math.round(spans[0].duration_ns / MS), client_request_id: null,
    request_preview: question === null ? null : JSON.stringify({ question }), response_preview: failed ? null : "About 412 rentals", tags: { "mlflow.traceName": name, customer: i % 3 === 0 ? "acme" : "city" },
    metadata: { "mlflow.user": "root", "mlflow.source.name": "assistant.py", ...(tokens === 0 ? {} : { "mlflow.trace.tokenUsage": JSON.stringify({ input_tokens: 412 * tokens, output_tokens: 58 * tokens, total_tokens: 470 * tokens }), "mlflow.trace.cost": JSON.stringify({ input_cost: 0.0008 * tokens, output_cost: 0.0011 * tokens, total_cost: 0.0019 * tokens }) }) },
    assessments: i === 1 ? assessments(at, spans.at(-1).span_id) : [], spans_here: true, spans };
}

function assessments(at, span) {
  const one = (name, value, more) => ({ assessment_id: `a-${name}-${String(value)}`, kind: "feedback", name, value, error: null, source_type: "HUMAN", source_id: "default", span_id: null, rationale: null, metadata: {}, overrides: null, valid: true, created_at: at, updated_at: at, ...more });
  return [one("correctness", false, { valid: false, source_type: "LLM_JUDGE", source_id: "judge-1" }), one("correctness", true, { rationale: "The number is that of the forecast." }), one("expected", "412", { kind: "expectation" }), one("tone", 4, { span_id: span, source_type: "CODE" })];
}

/** Some of them are of an evaluation, which was a run. */
export function tracesWorld(run) {
  const rng = random(41);
  const answers = Array.from({ length: 60 }, (_, i) => traceOf(rng, i, "answer", answerSpans(rng, QUESTIONS[i % 5], i % 7 === 2), QUESTIONS[i % 5]));
  if (run !== undefined) for (const each of answers.slice(3, 11)) each.metadata["mlflow.sourceRun"] = run.run_id;
  return [...answers, traceOf(rng, 60, "score a day", manySpans(rng), null)];
}

/** As much of the grammar as the journeys use: `KEY = 'value'` joined by AND. */
function fits(trace, filter) {
  for (const term of filter.split(/\s+AND\s+/i)) {
    const [, key, value] = /^([\w.]+)\s*=\s*'([^']*)'$/.exec(term.trim()) ?? [];
    if (key === "status") { if (trace.state !== value) return false; }
    else if (key === "run_id") { if (trace.metadata["mlflow.sourceRun"] !== value) return false; }
    else if (key === "name") { if (trace.name !== value) return false; }
    else if (key?.startsWith("tags.")) { if (trace.tags[key.slice(5)] !== value) return false; }
    else throw new SyntaxError(`invalid attribute key \`${key ?? term}\`; valid keys are \`name\`, \`status\`, \`tags.KEY\``);
  }
  return true;
}

function listOf(world, query) {
  const filter = query.get("filter") ?? "";
  const from = Number(query.get("page") ?? "0");
  const limit = Number(query.get("limit") ?? "100");
  try {
    const found = world.traces.filter((each) => (!query.has("experiment_id") || each.experiment_id === query.get("experiment_id")) && (filter === "" || fits(each, filter)));
    const sorted = query.get("order_by")?.startsWith("execution_time") ? found.toSorted((a, b) => b.duration_ms - a.duration_ms) : found;
    const items = sorted.slice(from, from + limit).map((each) => ({ ...each, spans: undefined, spans_here: undefined }));
    return { items, next: from + limit < sorted.length ? String(from + limit) : null };
  } catch (error) {
    return { status: 400, body: { title: "Bad Request", status: 400, code: "FILTER_INVALID", detail: error.message, hint: "write comparisons joined by AND" } };
  }
}

export const traceRoutes = (world) => [
  ["GET", "/traces", ({ query }) => listOf(world, query)],
  ["GET", "/traces/:id", ({ p }) => world.traces.find((each) => each.trace_id === p.id)],
];
