/** Pipelines, tracked runs, models and gate decisions. */
import { DAY, day, iso, wall, wallMs } from "./clock.mjs";
import { round } from "./random.mjs";

const NEEDS = { prepare: [], train: ["prepare"], baseline: ["prepare"], evaluate: ["prepare", "train", "baseline"], register: ["train", "evaluate", "prepare"] };
const KINDS = { prepare: "run", train: "run", baseline: "run", evaluate: "evaluate", register: "register" };
const SECONDS = { prepare: 2.4, train: 9.8, baseline: 1.1, evaluate: 1.7, register: 0.4 };
const OUTPUTS = { prepare: [["train.parquet", 412_800], ["holdout.parquet", 9100]], train: [["model.onnx", 143_200]], baseline: [["baseline.json", 410]], evaluate: [["report.json", 5120]], register: [] };

/** The six runs of the lap: `states` names the steps that did not simply succeed. */
const RUNS = [
  { number: 1, at: day(1, 1) - DAY, state: "succeeded", data: "bikes@1", cause: null, reason: "first lap", mae: 27.4, wape: 0.236, r2: 0.91, version: 1 },
  { number: 2, at: day(3, 12, 5), state: "succeeded", data: "bikes@2", cause: "AL1", reason: "alert bikes-error", mae: 31.8, wape: 0.212, r2: 0.93, version: 2 },
  { number: 3, at: day(4, 9, 7), state: "refused", data: "bikes@2", cause: null, reason: "spoiled on purpose: labels shuffled", mae: 148.2, wape: 0.811, r2: -0.04, version: null },
  { number: 4, at: day(4, 21, 3), state: "succeeded", data: "bikes@2", cause: null, reason: "trained on a quiet month", mae: 33.1, wape: 0.221, r2: 0.92, version: 3 },
  { number: 5, at: day(5, 24, 3), state: "succeeded", data: "bikes@3", cause: "schedule", reason: "every Thursday", mae: 29.9, wape: 0.203, r2: 0.94, version: 4 },
  { number: 6, at: day(6, 17, 20), state: "running", data: "bikes@3", cause: null, reason: "more iterations", mae: null, wape: null, r2: null, version: null },
];

function stepOf(rng, spec, name, start) {
  const seconds = SECONDS[name] * (0.85 + 0.3 * rng.next());
  const base = { name, kind: KINDS[name], attempt: 1, needs: NEEDS[name], exit_code: 0, error: null, tracking_run_id: null,
    cache: { key: rng.digest(), hit: false, why: name === "prepare" ? `data set changed to ${spec.data}` : `input \`${NEEDS[name][0]}\` changed` },
    outputs: OUTPUTS[name].map(([file, size]) => ({ name: file, digest: rng.digest(), bytes: size })) };
  const cached = name === "prepare" && [3, 4, 6].includes(spec.number);
  if (cached) return [start, { ...base, state: "cached", cache: { ...base.cache, hit: true, why: "nothing changed since train #2" }, started_at: null, finished_at: null, cpu_seconds: 0, peak_memory_bytes: null }];
  const none = { started_at: null, finished_at: null, cpu_seconds: null, peak_memory_bytes: null, exit_code: null, outputs: [] };
  if (spec.state === "running" && ["evaluate", "register"].includes(name)) return [start, { ...base, ...none, state: "waiting", cache: null }];
  if (spec.state === "running" && name === "train") return [start, { ...base, ...none, state: "running", started_at: iso(Date.now() - 31_000), cpu_seconds: 24.1, peak_memory_bytes: 211_000_000 }];
  if (spec.state === "refused" && name === "register") return [start, { ...base, ...none, state: "skipped", cache: null }];
  const end = start + seconds * 1000;
  const state = spec.state === "refused" && name === "evaluate" ? "refused" : "succeeded";
  return [end, { ...base, state, started_at: iso(start), finished_at: iso(end), cpu_seconds: round(seconds * (name === "train" ? 1.8 : 0.9), 2), peak_memory_bytes: Math.round((name === "train" ? 264e6 : 118e6) * (0.9 + 0.2 * rng.next())) }];
}

function pipelineRun(rng, spec) {
  const created = spec.state === "running" ? Date.now() - 36_000 : wallMs(spec.at);
  let at = created + 400;
  const steps = Object.keys(NEEDS).map((name) => {
    const [end, step] = stepOf(rng, spec, name, at);
    at = end;
    return step;
  });
  const cause = spec.cause === null ? { kind: "user", id: "local", summary: "started by local" }
    : spec.cause === "schedule" ? { kind: "schedule", id: "weekly", summary: "every Thursday" } : { kind: "alert", id: spec.cause, summary: "wape 0.47 over 0.35" };
  return { id: rng.id("run"), pipeline: "train", number: spec.number, state: spec.state, params: { seed: 7, holdout_days: 7, shuffle_labels: spec.number === 3, max_iter: spec.number === 6 ? 600 : 200 },
    dataset_version: spec.data, reason: spec.reason, cause, created_at: iso(created), started_at: iso(created + 300), finished_at: spec.state === "running" ? null : iso(at), error: spec.state === "refused" ? "the gate refused the candidate: wape 0.811 is over 0.3" : null, steps };
}

const ADJECTIVES = ["swift", "calm", "amber", "brisk", "quiet", "northern", "lucid", "steady"];
const ANIMALS = ["otter", "heron", "marten", "lynx", "plover", "hare", "stoat", "wren"];

/** What the machine did last, for runs of pipelines; one of them had a GPU. */
const machine = (spec) => ({
  "system/process_cpu_percentage": 182.4, "system/process_memory_megabytes": 264.1, "system/cpu_utilization_percentage": 47.8, "system/system_memory_usage_megabytes": 6120.5, "system/system_memory_usage_percentage": 38.3,
  ...(spec.number >= 5 ? { "system/gpu_0_utilization_percentage": 71, "system/gpu_0_memory_usage_megabytes": 10_240, "system/gpu_0_memory_usage_percentage": 12.6, "system/gpu_0_power_usage_watts": 312 } : {}),
});

function trackedRun(rng, spec, run, i) {
  const id = rng.hex(32);
  const start = Date.parse(run.steps[1].started_at ?? run.created_at);
  const at = iso(start + 8000);
  const metrics = spec.mae === null ? {} : { mae: spec.mae, wape: spec.wape, r2: spec.r2, rmse: round(spec.mae * 1.62, 2), training_rows: 8477 };
  const curve = { train_loss: round(412 - spec.number * 6), val_loss: round(498 - spec.number * 4) };
  return { run_id: id, experiment_id: "1", experiment: "bikes", name: `${ADJECTIVES[i % 8]}-${ANIMALS[(i * 3) % 8]}-${10 + i}`, status: spec.state === "running" ? "RUNNING" : "FINISHED",
    started_at: iso(start), ended_at: spec.state === "running" ? null : at, user: "root",
    params: { max_iter: String(run.params.max_iter), learning_rate: spec.number < 5 ? "0.08" : "0.06", max_leaf_nodes: "31", l2_regularization: "0.1", seed: "7", early_stopping: "False" },
    metrics: Object.fromEntries(Object.entries({ ...metrics, ...curve, ...machine(spec) }).map(([key, value]) => [key, { value, step: key.endsWith("loss") ? 199 : key.startsWith("system/") ? 12 : 0, at }])),
    tags: { "mlflow.user": "root", "mlflow.source.name": "steps/train.py", "pitcrew.pipeline": `train #${run.number}` }, parent_run_id: null, pipeline_run: { id: run.id, step: "train" } };
}

function gateOf(rng, spec, run, champion, before) {
  const passed = spec.version !== null;
  const rule = (name, kind, metric, observed, bound, ok, detail) => ({ name, kind, metric, observed, bound, verdict: ok ? "passed" : "refused", detail });
  const rules = [
    rule("wape at most 0.3", "floor", "wape", spec.wape, 0.3, spec.wape <= 0.3, `wape ${spec.wape} is ${spec.wape <= 0.3 ? "at most" : "over"} 0.3`),
    rule("r2 at least 0.4", "floor", "r2", spec.r2, 0.4, spec.r2 >= 0.4, `r2 ${spec.r2} is ${spec.r2 >= 0.4 ? "at least" : "under"} 0.4`),
    champion === null ? rule("no champion yet", "champion", "mae", spec.mae, null, true, "there is no champion to compare with")
      : rule("mae within 2 % of the champion", "champion", "mae", spec.mae, round(before * 1.02, 2), spec.mae <= before * 1.02, `mae ${spec.mae} against ${before} of bikes/${champion} on the same 168 hours`),
    // Declared when the fifth came: the others were not asked.
    ...(spec.number < 5 ? [] : ["was let in by the gate", "has a description", "has the tag owner"].map((name) => rule(name, "requirement", "", null, null, true, `it ${name}`))),
    ...(spec.number === 3 ? [rule("has the tag owner", "requirement", "", null, null, false, "it has no tag `owner`")] : []),
  ];
  return { id: rng.id("gd"), model: "bikes", verdict: passed ? "passed" : "refused", pipeline_run: run.id, at: run.steps[3].finished_at ?? run.created_at, version: spec.version, champion, rows: 168,
    metrics: { mae: spec.mae, wape: spec.wape, r2: spec.r2 }, champion_metrics: champion === null ? null : { mae: before, wape: round(before / 152, 3), r2: 0.61 }, rules, cause: { kind: "pipeline_run", id: run.id, summary: `train #${run.number}` } };
}

export function trainingWorld(rng) {
  const pipelineRuns = RUNS.map((spec) => pipelineRun(rng, spec));
  const runs = RUNS.map((spec, i) => trackedRun(rng, spec, pipelineRuns[i], i));
  pipelineRuns.forEach((run, i) => (run.steps[1].tracking_run_id = runs[i].run_id));
  const sweep = Array.from({ length: 18 }, (_, i) => {
    const mae = round(28 + 6 * rng.next() + i * 0.2, 2);
    const at = iso(wallMs(day(5, 30)) + i * 9000);
    return { ...runs[4], run_id: rng.hex(32), name: `${ADJECTIVES[(i + 3) % 8]}-${ANIMALS[(i * 5 + 1) % 8]}-${40 + i}`, started_at: at, ended_at: iso(Date.parse(at) + 7000), status: i === 4 ? "FAILED" : "FINISHED", pipeline_run: null, experiment: "bikes-search", experiment_id: "2",
      params: { max_iter: String(100 + 50 * (i % 6)), learning_rate: String(round(0.02 + 0.02 * (i % 5), 2)), max_leaf_nodes: String([15, 31, 63][i % 3]) },
      metrics: i === 4 ? { mae: { value: "NaN", step: 0, at } } : { mae: { value: mae, step: 0, at }, wape: { value: round(mae / 146, 4), step: 0, at }, val_loss: { value: round(mae * 16.2, 1), step: 199, at } } };
  });
  // The first of them is what the next six are nested in.
  for (const run of sweep.slice(1, 7)) Object.assign(run, { parent_run_id: sweep[0].run_id, tags: { ...run.tags, "mlflow.parentRunId": sweep[0].run_id } });
  const champions = [null, 1, 2, 2, 2];
  const before = [null, 74.6, 33.4, 33.4, 33.4];
  const gates = RUNS.slice(0, 5).map((spec, i) => gateOf(rng, spec, pipelineRuns[i], champions[i], before[i]));
  const versions = RUNS.filter((spec) => spec.version !== null).map((spec) => {
    const run = pipelineRuns[spec.number - 1];
    return { model: "bikes", version: spec.version, ref: `bikes/${spec.version}`, digest: rng.digest(), bytes: 143_200, format: "onnx", signature: { key_id: "k1", algorithm: "ed25519", value: rng.hex(64) },
      inputs: ["season", "hr", "workingday", "weathersit", "temp", "hum", spec.version < 4 ? "windspeed" : "holiday"].map((name) => ({ name, datatype: "FP32", shape: [-1, 1] })), outputs: [{ name: "variable", datatype: "FP32", shape: [-1, 1] }],
      tracking_run_id: runs[spec.number - 1].run_id, source: `mlflow-artifacts:/1/${runs[spec.number - 1].run_id}/artifacts/model`, aliases: spec.version === 2 ? ["champion"] : spec.version === 4 ? ["challenger"] : [],
      created_at: run.steps[4].finished_at, created_by: "local", description: spec.version === 2 ? "Not for holidays: there are few in the training data.\nHours without weather are guessed." : "", tags: {}, metrics: { mae: spec.mae, wape: spec.wape, r2: spec.r2 }, gate_decision: gates[spec.number - 1].id,
      lineage: { dataset: spec.data, dataset_digest: rng.digest(), code_digest: rng.digest(), git_commit: null, environment_digest: rng.digest(), pipeline_run: run.id, params: run.params } };
  });
  const history = [
    ["champion", null, 1, day(1, 1) - DAY / 2, null, "first version"], ["challenger", null, 2, day(3, 12, 7), { kind: "pipeline_run", id: pipelineRuns[1].id, summary: "train #2" }, "passed the gate"],
    ["champion", 1, 2, day(3, 17, 5), { kind: "release", id: "REL1", summary: "promoted after 118 pairs" }, "better by 48.8 [31.0, 66.5]"], ["challenger", 2, 3, day(4, 21, 4), { kind: "pipeline_run", id: pipelineRuns[3].id, summary: "train #4" }, "passed the gate"],
    ["challenger", 3, 4, day(5, 24, 4), { kind: "pipeline_run", id: pipelineRuns[4].id, summary: "train #5" }, "passed the gate"],
  ].map(([alias, from, to, at, cause, reason]) => ({ alias, from, to, at: wall(at), actor: "local", cause, reason }));
  const gate = { floors: [{ metric: "wape", max: 0.3 }, { metric: "r2", min: 0.4 }], champion: { metric: "mae", tolerance: 0.02 }, require: { aliases: ["champion", "challenger"], gate: true, description: true, tags: ["owner"] } };
  const models = [{ name: "bikes", description: "Rentals in the next hour", aliases: { champion: 2, challenger: 4 }, versions: 4, latest: versions[3], gate }];
  const pipeline = { name: "train", description: "Prepare, train, evaluate against the champion, register", dataset: "bikes", params: { seed: 7, holdout_days: 7, until: "", shuffle_labels: false }, triggers: ["alert bikes-error", "every Thursday"],
    steps: Object.keys(NEEDS).map((name) => ({ name, kind: KINDS[name], needs: NEEDS[name] })), last_run: pipelineRuns[5] };
  return { pipelines: [pipeline], pipelineRuns, runs: [...runs, ...sweep], gates, versions, history, models };
}

/** A training curve for any run and key. */
export function series(rng, key, run) {
  const value = (run.metricAt?.(key) ?? run.metrics[key])?.value;
  const at = Date.parse(run.started_at);
  if (key.startsWith("system/") && value !== undefined) return { key, points: Array.from({ length: 14 }, (_, i) => ({ step: i, at: iso(at + [1, 3, 7][i] * 1000 || at + (i - 2) * 10_000), value: Math.max(0, round(value * (i < 2 ? 0.35 : 1) * (0.94 + 0.12 * rng.next()), 1)) })) };
  if (!key.endsWith("loss") && run.metricAt === undefined) return { key, points: [{ step: 0, at: run.ended_at ?? run.started_at, value: value ?? 0 }] };
  const n = run.status === "RUNNING" ? 240 : 200;
  return { key, points: Array.from({ length: n }, (_, step) => ({ step, at: iso(at + step * 40), value: round(value * (1 + 4.2 * Math.exp(-step / 26)) + rng.normal() * value * 0.012 * Math.exp(-step / 200), 3) })) };
}
