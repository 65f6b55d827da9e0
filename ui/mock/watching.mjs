/** Monitors, windows, the timeline and alerts. */
import { DAY, EVENT_NOW, EVENT_START, day, eventIso, wall } from "./clock.mjs";
import { round } from "./random.mjs";

const CHANGE = day(2, 26);
const PROMOTED = day(3, 17, 5);

/** Error before the world changed, while it changes, and after the new version took over. */
function wapeAt(t) {
  if (t < CHANGE) return 0.238;
  if (t < PROMOTED) return 0.238 + 0.27 * (1 - Math.exp(-(t - CHANGE) / (9 * DAY)));
  return 0.214 + 0.22 * Math.exp(-(t - PROMOTED) / (3.2 * DAY)) + 0.03 * Math.max(0, (t - day(5, 10)) / (40 * DAY));
}

function drift(rng, shifted) {
  const row = (feature, kind, method, value, threshold) => ({ feature, kind, method, value: round(value), threshold, verdict: value > threshold ? "drifted" : "stable", missing: feature === "hum" ? 0.0026 : 0, unseen: 0 });
  const wobble = () => 0.7 + 0.6 * rng.next();
  return [
    row("temp", "input", "psi", (shifted ? 0.11 : 0.05) * wobble(), 0.21), row("hum", "input", "psi", 0.045 * wobble(), 0.19), row("windspeed", "input", "psi", 0.06 * wobble(), 0.2),
    row("hr", "input", "psi", (shifted ? 0.31 : 0.01) * wobble(), 0.12), row("workingday", "input", "psi", 0.02 * wobble(), 0.1), row("weathersit", "input", "psi", 0.05 * wobble(), 0.17), row("season", "input", "psi", 0.07 * wobble(), 0.24),
    row("prediction", "prediction", "wasserstein", (shifted ? 0.27 : 0.09) * wobble(), 0.2),
  ];
}

export function watchingWorld(rng, { pipelineRuns, releases, gates, versions }) {
  const windows = [];
  let noise = 0;
  for (let start = EVENT_START; start + DAY <= EVENT_NOW - DAY; start += DAY) {
    noise = 0.72 * noise + rng.normal() * 0.008;
    const t = start + DAY;
    const wape = round(wapeAt(t) + noise);
    const silent = t >= day(1, 22) && t < day(1, 24);
    const shifted = t > CHANGE && t < PROMOTED;
    const version = t < PROMOTED ? { 1: 24 } : t > day(6, 12) ? { 2: 12, 4: 12 } : { 2: 24 };
    windows.push({ monitor: "bikes", start: eventIso(t - 7 * DAY), end: eventIso(t), state: silent ? "no_data" : wape > 0.35 ? "breach" : "ok", revision: 1 + (start % 3 === 0 ? 1 : 0), predictions: silent ? 0 : 24, labels: silent ? 0 : 24, coverage: silent ? 0 : 1,
      metrics: silent ? {} : { mae: { value: round(wape * 148, 2), lower: round(wape * 138, 2), upper: round(wape * 158, 2), n: 168 }, wape: { value: wape, lower: round(wape - 0.03), upper: round(wape + 0.03), n: 168 } },
      drift: drift(rng, shifted), quality: { missing: shifted ? 2 : 0, out_of_range: 0, unseen: 0, failures: 0 }, versions: silent ? {} : version });
  }
  const alerts = [
    { id: "AL2", rule: "bikes-error", monitor: "bikes", metric: "wape", state: "pending", value: 0.352, threshold: 0.35, event_time: eventIso(day(6, 17)), pending_at: wall(day(6, 17)), fired_at: null, resolved_at: null, summary: "wape 0.352 over the objective 0.35 in 1 window", action: null, notifications: [] },
    { id: "AL1", rule: "bikes-error", monitor: "bikes", metric: "wape", state: "resolved", value: 0.471, threshold: 0.35, event_time: eventIso(day(3, 12)), pending_at: wall(day(3, 4)), fired_at: wall(day(3, 12)), resolved_at: wall(day(3, 21)), summary: "wape 0.471 over the objective 0.35 in 3 windows",
      action: { run: "train", pipeline_run: pipelineRuns[1].id }, notifications: [{ target: "http://127.0.0.1:9", transition: "firing", state: "delivered", attempts: 2, at: wall(day(3, 12)), error: null }] },
  ];
  const mark = (at, kind, severity, title, detail, linkKind, id) => ({ t: eventIso(at), at: wall(at), kind, title, detail, severity, link: id === null ? null : { kind: linkKind, id } });
  const annotations = [
    mark(day(1, 1), "data", "info", "bikes@1", "8 645 rows, checks passed", "dataset_version", "bikes@1"),
    mark(day(1, 1, 6), "promotion", "good", "bikes/1 is champion", "the first version", "model_version", "bikes/1"),
    mark(day(2, 28), "drift", "warning", "drift in hr, prediction", "psi 0.31 over 0.12", "monitor", "bikes"), mark(day(3, 12), "alarm", "bad", "bikes-error fired", "wape 0.471 over 0.35 in 3 windows", "alert", "AL1"),
    mark(day(3, 12, 4), "data", "info", "bikes@2", "10 253 rows, checks passed", "dataset_version", "bikes@2"), mark(day(3, 12, 5), "run", "info", "train #2", "started by alert bikes-error", "pipeline_run", pipelineRuns[1].id),
    mark(day(3, 12, 7), "gate", "good", "gate passed: bikes/2", "wape 0.212, mae 31.8 against 74.6", "gate_decision", gates[1].id), mark(day(3, 13, 5), "canary", "info", "canary bikes/2 at 10 %", "paired absolute error", "release", releases[0].id),
    mark(day(3, 14, 23), "canary", "info", "canary bikes/2 at 50 %", "better", "release", releases[0].id), mark(PROMOTED, "promotion", "good", "bikes/2 promoted", "better by 48.8 [31.0, 66.5]", "release", releases[0].id),
    mark(day(3, 21), "resolved", "good", "bikes-error resolved", "wape 0.29", "alert", "AL1"), mark(day(4, 9, 7), "run", "info", "train #3", "spoiled on purpose", "pipeline_run", pipelineRuns[2].id),
    mark(day(4, 9, 9), "gate", "warning", "gate refused train #3", "wape 0.811 over 0.3", "gate_decision", gates[2].id), mark(day(4, 21, 3), "run", "info", "train #4", "trained on a quiet month", "pipeline_run", pipelineRuns[3].id),
    mark(day(4, 21, 4), "gate", "good", "gate passed: bikes/3", "wape 0.221", "gate_decision", gates[3].id), mark(day(4, 21, 6), "canary", "info", "canary bikes/3 at 10 %", "paired absolute error", "release", releases[1].id),
    mark(day(4, 27, 20), "rollback", "bad", "bikes/3 rolled back", "worse by 39.5 [2.8, 76.2]", "release", releases[1].id), mark(day(5, 2, 23), "data", "warning", "bikes: checks failed", "temp 30.1 % nulls", "dataset", "bikes"),
    mark(day(5, 24, 3), "run", "info", "train #5", "every Thursday", "pipeline_run", pipelineRuns[4].id), mark(day(5, 24, 4), "gate", "good", "gate passed: bikes/4", "wape 0.203", "gate_decision", gates[4].id),
    mark(day(6, 8, 6), "canary", "info", "canary bikes/4 at 10 %", "paired absolute error", "release", releases[2].id), mark(day(6, 12, 18), "canary", "info", "canary bikes/4 at 50 %", "no worse", "release", releases[2].id),
  ];
  void versions;
  const timeline = { monitor: "bikes", metric: "wape", objective: 0.35, points: windows.map((w) => ({ t: w.end, value: w.metrics.wape?.value ?? null, n: w.metrics.wape?.n ?? 0, state: w.state })), annotations };
  const monitors = [{ name: "bikes", deployment: "bikes", window: "7d", objectives: [{ metric: "wape", max: 0.35 }], watermark: eventIso(EVENT_NOW - DAY), latest: windows.at(-1) }];
  return { windows, alerts, timeline, monitors, rules: [{ name: "bikes-error", monitor: "bikes", metric: "wape", for: 2, action: { run: "train", cooldown: "14d" }, notify: ["http://127.0.0.1:9/hook"] }] };
}
