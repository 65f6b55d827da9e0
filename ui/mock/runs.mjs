/** The calls over runs: lists with filter, order, fields and keyset pages; changes; named views. */
import { iso } from "./clock.mjs";
import { fieldOf, parse, valueAt } from "./filter.mjs";

const refuse = (status, code, title, detail, hint = null) => ({ status, body: { type: "", title, status, code, detail, hint, request_id: "req_mock" } });

/** Rules of retention, and what they would do: every run that ended, but for those with the tag. */
function retentionRoutes(w) {
  const rules = new Map();
  const going = (runs) => ({ count: runs.length, runs: runs.slice(0, 1000).map((run) => ({ run_id: run.run_id, name: run.name, ended_at: run.ended_at })) });
  const would = (id, rule) => {
    const runs = w.runs.filter((run) => run.experiment_id === id && run.ended_at !== null && run.tags[rule.keep_tagged] === undefined);
    return { experiment_id: id, ...rule, would: { delete: going(rule.delete_after === undefined ? [] : runs.filter((run) => run.lifecycle !== "deleted")), purge: going(rule.purge_after === undefined ? [] : runs.filter((run) => run.lifecycle === "deleted")) } };
  };
  return [
    ["GET", "/experiments/:id/retention", ({ p }) => rules.get(p.id)],
    ["PUT", "/experiments/:id/retention", ({ p, query, body }) => {
      if (body.delete_after === undefined && body.purge_after === undefined) return refuse(400, "TRACKING_VALUE_INVALID", "Bad Request", "a rule of retention needs `delete_after`, `purge_after` or both");
      return query.get("dry_run") === "true" ? would(p.id, body) : rules.set(p.id, body).get(p.id);
    }],
    ["DELETE", "/experiments/:id/retention", ({ p }) => ({ deleted: rules.delete(p.id) })],
  ];
}

export function runRoutes({ world, emit }) {
  const w = world;
  const views = new Map();
  const found = (id) => w.runs.find((run) => run.run_id === id);
  const say = (name, run, summary) => emit(`tracking.${name}`, { kind: "run", name: run.run_id }, summary);
  const turn = (ids, lifecycle) => {
    const runs = (ids ?? []).map(found).filter(Boolean);
    for (const run of runs) run.lifecycle = lifecycle;
    if (runs[0] !== undefined) say(lifecycle === "active" ? "run_restored" : "run_deleted", runs[0], `${runs.length} runs ${lifecycle === "active" ? "restored" : "deleted"}`);
    return { run_ids: runs.map((run) => run.run_id) };
  };
  const purge = (run) => {
    if (run.lifecycle !== "deleted") return refuse(409, "RUN_NOT_DELETED", "The run is not deleted", `${run.name} must be deleted first.`);
    w.runs.splice(w.runs.indexOf(run), 1);
    say("run_purged", run, `${run.name} removed for good`);
    return {};
  };
  const put = ({ body }, copies) => {
    const to = experiments(w).find((each) => each.experiment_id === body.experiment_id);
    if (to === undefined) return refuse(404, "TRACKING_EXPERIMENT_NOT_FOUND", "No such experiment", `There is no experiment ${body.experiment_id}.`);
    const runs = body.run_ids.map(found).filter(Boolean);
    for (const run of runs) {
      const target = copies ? { ...run, run_id: `${run.run_id.slice(0, 24)}${String(Date.now()).slice(-8)}` } : run;
      Object.assign(target, { experiment_id: to.experiment_id, experiment: to.name });
      if (copies) w.runs.push(target);
    }
    if (runs[0] !== undefined) say("run_updated", runs[0], `${runs.length} runs went to ${to.name}`);
    return { run_ids: body.run_ids };
  };
  return [
    ["GET", "/experiments", () => ({ items: experiments(w), next: null })],
    ["GET", "/experiments/:id/columns", ({ p, query }) => columns(w, p.id, query.get("prefix") ?? "")],
    ["GET", "/experiments/:id/views", ({ p }) => ({ items: [...(views.get(p.id) ?? new Map()).entries()].map(([name, document]) => ({ name, document })), next: null })],
    ["PUT", "/experiments/:id/views/:name", ({ p, body }) => views.set(p.id, (views.get(p.id) ?? new Map()).set(p.name, body)) && body],
    ["DELETE", "/experiments/:id/views/:name", ({ p }) => ({ deleted: views.get(p.id)?.delete(p.name) ?? false })],
    ["GET", "/runs", ({ query }) => list(w, query)],
    ["GET", "/runs/count", ({ query }) => answered(() => ({ count: chosen(w, query).length }))],
    ["POST", "/runs/delete", ({ body }) => turn(body.run_ids, "deleted")], ["POST", "/runs/restore", ({ body }) => turn(body.run_ids, "active")],
    ["POST", "/runs/move", (call) => put(call, false)], ["POST", "/runs/copy", (call) => put(call, true)],
    // No call of the API: lets a journey see a run begin, as a client that logs would.
    ["POST", "/mock/runs", ({ body }) => {
      const run = { ...w.runs.at(-1), run_id: `new${String(w.runs.length).padStart(29, "0")}`, name: body.name, started_at: iso(Date.now()), status: "RUNNING", ended_at: null, lifecycle: "active" };
      w.runs.push(run);
      say("run_started", run, `${run.name} started`);
      return whole(run, null);
    }],
    ["GET", "/runs/:id", ({ p }) => (found(p.id) === undefined ? undefined : whole(found(p.id), null))],
    ["PATCH", "/runs/:id", ({ p, body }) => {
      const run = found(p.id);
      if (run === undefined) return undefined;
      if (body.name !== undefined) run.name = body.name;
      if (body.notes !== undefined) run.tags = { ...run.tags, "mlflow.note.content": body.notes };
      run.tags = { ...run.tags, ...body.tags };
      say("run_updated", run, `${run.name} changed`);
      return whole(run, null);
    }],
    ["DELETE", "/runs/:id", ({ p, query }) => (found(p.id) === undefined ? undefined : query.get("permanently") === "true" ? purge(found(p.id)) : turn([p.id], "deleted"))],
    ...retentionRoutes(w),
    ["POST", "/runs/:id/restore", ({ p }) => (found(p.id) === undefined ? undefined : turn([p.id], "active"))],
  ];
}

const experiments = (w) => [...new Map(w.runs.map((run) => [run.experiment_id, { experiment_id: run.experiment_id, name: run.experiment }])).values()];

function answered(answer) {
  try {
    return answer();
  } catch (error) {
    return refuse(400, "FILTER_INVALID", "The filter cannot be read", error.message, "the grammar stands in `docs/mlflow.md`");
  }
}

function chosen(w, query) {
  const test = parse(query.get("filter") ?? "");
  const view = query.get("view") ?? "active";
  const ids = query.get("experiment_id");
  const name = query.get("experiment");
  return w.runs.filter((run) => (view === "all" || (run.lifecycle ?? "active") === view) && (ids === null || run.experiment_id === ids) && (name === null || run.experiment === name) && test(run));
}

function list(w, query) {
  return answered(() => {
    const runs = chosen(w, query);
    const [, word, way] = /^\s*(.+?)(?:\s+(ASC|DESC))?\s*$/i.exec(query.get("order_by") || "attributes.start_time DESC");
    const field = fieldOf(word);
    const down = way?.toUpperCase() === "DESC";
    const rows = runs.map((run) => ({ run, value: valueAt(run, field) })).toSorted((a, b) => order(a, b, down));
    const after = query.has("page") ? rows.findIndex(({ run }) => run.run_id === query.get("page")) + 1 : 0;
    const limit = Math.min(Number(query.get("limit") ?? 100), 1000);
    const items = rows.slice(after, after + limit);
    const fields = query.has("fields") ? query.get("fields").split(",") : null;
    return { items: items.map(({ run }) => whole(run, fields)), next: after + limit < rows.length ? items.at(-1).run.run_id : null };
  });
}

function order(a, b, down) {
  const [x, y] = [a.value, b.value];
  const none = (value) => value === undefined || Number.isNaN(value);
  if (none(x) || none(y)) return Number(none(x)) - Number(none(y)) || (a.run.run_id < b.run.run_id ? -1 : 1);
  const by = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
  return (down ? -by : by) || (a.run.run_id < b.run.run_id ? -1 : 1);
}

/** A run as the API answers it: all of it, or the parts that were asked for. */
function whole(run, fields) {
  const { metricAt, metricKeys, ...plain } = run;
  const wants = (group) => fields === null || fields.includes(group);
  const keys = (group) => fields?.filter((field) => field.startsWith(`${group}.`)).map((field) => field.slice(group.length + 1)) ?? [];
  const part = (group, all, at) => Object.fromEntries((wants(group) ? all() : keys(group)).map((key) => [key, at(key)]).filter(([, value]) => value !== undefined));
  const metric = (key) => (metricAt === undefined ? run.metrics[key] : metricAt(key));
  const attributes = Object.fromEntries(Object.entries({ lifecycle: "active", ...plain }).filter(([key]) => key === "run_id" || wants(key)));
  return { ...attributes, metrics: part("metrics", () => metricKeys ?? Object.keys(run.metrics), metric), params: part("params", () => Object.keys(run.params), (key) => run.params[key]), tags: part("tags", () => Object.keys(run.tags), (key) => run.tags[key]) };
}

function columns(w, id, prefix) {
  const runs = w.runs.filter((run) => run.experiment_id === id).slice(0, 400);
  const of = (group) => [...new Set(runs.flatMap((run) => (group === "metrics" && run.metricKeys !== undefined ? run.metricKeys : Object.keys(run[group]))))].filter((key) => key.startsWith(prefix)).toSorted();
  return { metrics: of("metrics"), params: of("params"), tags: of("tags"), truncated: { metrics: false, params: false, tags: false } };
}

const WORDS = [["brisk", "quiet", "steady", "late", "bright", "plain", "swift", "early"], ["otter", "heron", "marten", "lynx", "plover", "hare", "stoat", "wren"]];
const hash = (a, b) => {
  let x = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 7, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  return ((x ^ (x >>> 13)) >>> 0) / 4294967296;
};

/** A great many runs with a thousand metrics each, which are made when they are asked for. */
export function manyRuns(count) {
  const extra = Array.from({ length: 992 }, (_, i) => `layer${String(Math.floor(i / 8)).padStart(3, "0")}/${["grad_norm", "weight_norm", "act_mean", "act_std", "dead", "lr", "update", "snr"][i % 8]}`);
  const metricKeys = ["loss", "val/loss", "accuracy", "auc", "epoch_seconds", "gpu_memory", "tokens", "lr", ...extra];
  const places = new Map(metricKeys.map((key, i) => [key, i]));
  const now = Date.now();
  return Array.from({ length: count }, (_, i) => {
    const depth = [2, 4, 6, 8, 12][Math.floor(hash(i, 1) * 5)];
    const lr = [0.0003, 0.001, 0.003, 0.01][Math.floor(hash(i, 2) * 4)];
    const optimizer = ["adamw", "sgd", "lion"][Math.floor(hash(i, 3) * 3)];
    const start = now - (count - i) * 45_000;
    const ended = i >= count - 3 ? null : iso(start + 20_000 + 900_000 * hash(i, 4));
    const at = ended ?? iso(now);
    const loss = 0.18 + 0.9 / depth + 14 * Math.abs(lr - 0.002) + (optimizer === "sgd" ? 0.14 : 0) + 0.16 * hash(i, 5);
    const metricAt = (key) => {
      const place = places.get(key);
      if (place === undefined || (place > 7 && hash(i, place) < 0.05)) return undefined;
      const own = [loss, loss * (1.04 + 0.2 * hash(i, 6)), 1 - loss / 2.4, 1 - loss / 3.1, 11 + 30 * hash(i, 7) + depth, 2.1e9 * depth, 4_194_304 * (1 + (i % 5)), lr][place];
      return { value: Number((own ?? hash(i, place) * 10 ** (place % 7 - 3)).toPrecision(6)), step: place === 6 ? 0 : 199, at };
    };
    return { run_id: `${String(i).padStart(8, "0")}${"0123456789abcdef".repeat(2).slice(0, 24)}`, experiment_id: "9", experiment: "transformer-sweep", name: `${WORDS[0][i % 8]}-${WORDS[1][(i * 3) % 8]}-${i}`, status: ended === null ? "RUNNING" : hash(i, 8) < 0.03 ? "FAILED" : "FINISHED", started_at: iso(start), ended_at: ended, user: ["ada", "grace", "edsger"][i % 3],
      params: { depth: String(depth), learning_rate: String(lr), optimizer, seed: String(i % 4), batch_size: String([32, 64, 128][i % 3]), warmup: String(100 * (i % 5)) }, metrics: {}, tags: { team: ["vision", "text"][i % 2], "mlflow.user": ["ada", "grace", "edsger"][i % 3], "mlflow.source.git.commit": `c0ffee${i % 7}` }, parent_run_id: null, pipeline_run: null, metricAt, metricKeys };
  });
}
