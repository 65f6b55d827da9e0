/** Traces of an application, sent to a real server as any OpenTelemetry sender would: one that went well, one that failed, one of thousands of spans. */
import { randomBytes } from "node:crypto";

const MS = 1_000_000n;
const SPANS = 1999;

/** One span as OTLP's JSON has it. Times are in milliseconds after `start`. */
function span(start, traceId, name, [from, to], { parent, kind, error, input } = {}) {
  const attributes = [["mlflow.spanType", JSON.stringify(kind ?? "CHAIN")], ["mlflow.spanInputs", JSON.stringify(input ?? { day: "2012-03-01" })]];
  return {
    traceId, spanId: randomBytes(8).toString("hex"), parentSpanId: parent?.spanId ?? "", name,
    startTimeUnixNano: String(start + BigInt(from) * MS), endTimeUnixNano: String(start + BigInt(to) * MS),
    attributes: attributes.map(([key, stringValue]) => ({ key, value: { stringValue } })),
    status: error ? { code: 2, message: error } : { code: 1 },
    events: error ? [{ timeUnixNano: String(start + BigInt(to) * MS), name: "exception", attributes: [{ key: "exception.message", value: { stringValue: error } }] }] : [],
  };
}

function answered(start) {
  const id = randomBytes(16).toString("hex");
  const root = span(start, id, "answer a question", [0, 300], { kind: "AGENT" });
  const search = span(start, id, "search", [10, 90], { parent: root, kind: "RETRIEVER" });
  const model = span(start, id, "ask the model", [100, 280], { parent: root, kind: "LLM", input: { messages: [{ role: "user", content: "How many bikes tomorrow?" }] } });
  return [root, search, span(start, id, "embed", [15, 40], { parent: search, kind: "EMBEDDING" }), model];
}

function failed(start) {
  const id = randomBytes(16).toString("hex");
  const root = span(start, id, "answer a question", [0, 120], { kind: "AGENT", error: "the tool gave no answer" });
  return [root, span(start, id, "weather", [20, 110], { parent: root, kind: "TOOL", error: "no weather for this day" })];
}

function long(start) {
  const id = randomBytes(16).toString("hex");
  const root = span(start, id, "score a day", [0, 24 * 100]);
  const spans = [root];
  for (let hour = 0; spans.length < SPANS; hour += 1) {
    const batch = span(start, id, `hour ${hour}`, [hour * 10, hour * 10 + 9], { parent: root });
    spans.push(batch, ...Array.from({ length: 9 }, (_, at) => span(start, id, `station ${at}`, [hour * 10 + at, hour * 10 + at + 1], { parent: batch })));
  }
  return spans.slice(0, SPANS);
}

async function post(url, body, headers = {}) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

/** Sends them to the server at `base`. */
export async function trace(base) {
  const start = BigInt(Date.now()) * MS;
  const well = answered(start);
  for (const spans of [well, failed(start - 1000n * MS), long(start - 2000n * MS)]) {
    await post(`${base}/v1/traces`, { resourceSpans: [{ scopeSpans: [{ spans }] }] }, { "x-mlflow-experiment-id": "0" });
  }
  const trace_id = `tr-${well[0].traceId}`;
  const assessment = { assessment_name: "right", trace_id, span_id: well[3].spanId, source: { source_type: "HUMAN", source_id: "reader" }, feedback: { value: false }, rationale: "It counted Sunday twice." };
  await post(`${base}/api/3.0/mlflow/traces/${trace_id}/assessments`, { assessment });
}
