/** Deployments, releases with their evidence, traffic and predictions. */
import { DAY, EVENT_NOW, HOUR, day, eventIso, iso, wall } from "./clock.mjs";
import { round } from "./random.mjs";

function evidenceOf(rng, { steps, from, effect, spread, base, verdict, pairsEach }) {
  const list = [];
  let pairs = 0;
  let at = from;
  for (let i = 0; i < steps.length; i += 1) {
    for (let k = 0; k < steps[i]; k += 1) {
      pairs += pairsEach;
      at += (pairsEach / (i === 0 ? 6 : 18)) * HOUR * 4;
      const half = (spread * 3.4) / Math.sqrt(pairs);
      const mean = effect + rng.normal() * half * 0.16;
      const last = k === steps[i] - 1 && i === steps.length - 1;
      list.push({ at: wall(at), event_time: eventIso(Math.round(at / HOUR) * HOUR), step: i, pairs, mean_difference: round(mean, 2), lower: round(mean - half, 2), upper: round(mean + half, 2), champion_mean: round(base, 1), candidate_mean: round(base + mean, 1),
        champion_p99_us: 300 + Math.round(rng.next() * 30), candidate_p99_us: 305 + Math.round(rng.next() * 30), champion_failures: 0, candidate_failures: 0, verdict: last ? verdict : k === steps[i] - 1 ? (effect < 0 ? "better" : "no_worse") : "continue" });
    }
  }
  return [list, at];
}

/** The decision in words, from the evidence it rests on. */
function reasonOf(spec, last) {
  if (spec.reason === null) return null;
  const [a, b] = [Math.abs(last.lower), Math.abs(last.upper)].toSorted((x, y) => x - y);
  return `candidate ${spec.reason} by ${Math.abs(last.mean_difference)} [${a}, ${b}] mean absolute error`;
}

function release(rng, spec) {
  const [evidence, end] = evidenceOf(rng, spec);
  const running = spec.state === "running";
  const shares = [0.1, 0.5, 1];
  const steps = shares.map((share, i) => {
    const mine = evidence.filter((each) => each.step === i);
    const reached = mine.length > 0;
    const closed = reached && (!running || i < spec.step);
    return { share, started_at: reached ? mine[0].at : null, ended_at: closed ? mine.at(-1).at : null, event_time: reached ? mine[0].event_time : null, verdict: closed ? (spec.state === "rolled_back" ? "roll_back" : "advance") : null };
  });
  return { id: spec.id, deployment: "bikes", model: "bikes", champion: spec.champion, candidate: spec.candidate, state: spec.state, step: spec.step, steps, started_at: wall(spec.from), ended_at: running ? null : wall(end), event_time: eventIso(Math.round(end / HOUR) * HOUR), reason: reasonOf(spec, evidence.at(-1)),
    cause: { kind: "pipeline_run", id: spec.run, summary: spec.runSummary }, judge: { metric: "absolute_error", alpha: 0.05, min_samples: 24, paired: true }, evidence };
}

export function servingWorld(rng, runs) {
  const releases = [
    release(rng, { id: rng.id("rel"), champion: 1, candidate: 2, state: "promoted", step: 2, steps: [5, 4, 3], from: day(3, 13, 5), effect: -48.8, spread: 108, base: 92.4, verdict: "better", pairsEach: 10, reason: "better", run: runs[1].id, runSummary: "train #2" }),
    release(rng, { id: rng.id("rel"), champion: 2, candidate: 3, state: "rolled_back", step: 0, steps: [8], from: day(4, 21, 6), effect: 39.5, spread: 84, base: 33.6, verdict: "worse", pairsEach: 9, reason: "worse", run: runs[3].id, runSummary: "train #4" }),
    release(rng, { id: rng.id("rel"), champion: 2, candidate: 4, state: "running", step: 1, steps: [7, 5], from: day(6, 8, 6), effect: -4.1, spread: 26, base: 33.9, verdict: "continue", pairsEach: 12, reason: null, run: runs[4].id, runSummary: "train #5" }),
  ];
  const arm = (name, version, share, requests, unseen, p) => ({ arm: name, version, share, requests, unseen, failures: 0, latency: { p50_us: p, p95_us: Math.round(p * 1.55), p99_us: Math.round(p * 2.5) } });
  const deployment = { name: "bikes", model: "bikes", alias: "champion", state: "releasing", arms: [arm("champion", 2, 0.5, 1312, 1290, 121), arm("candidate", 4, 0.5, 1290, 1312, 118)], release: releases[2].id, watermark: eventIso(EVENT_NOW), endpoints: { oip: "/v2/models/bikes/infer", mlflow: "/deployments/bikes/invocations" } };
  return { releases, deployments: [deployment], evidenceRng: rng };
}

/** One point per arm and second; the shape depends on the second, so that two readers see the same. */
export function trafficAt(ms) {
  const second = Math.floor(ms / 1000);
  const wave = 150 + 40 * Math.sin(second / 9) + 22 * Math.sin(second / 2.3);
  const jitter = (n) => ((Math.sin(second * 12.9898 + n * 78.233) * 43758.5453) % 1 + 1) % 1;
  // Both arms compute each request; the caller gets one of the two answers.
  const requests = [0, 1].map((i) => Math.round((wave / 2) * (0.9 + 0.2 * jitter(i))));
  return ["champion", "candidate"].map((arm, i) => ({ at: iso(second * 1000), arm, version: [2, 4][i], requests: requests[i], unseen: requests[1 - i], failures: 0, p50_us: Math.round(116 + 9 * jitter(i + 2)), p99_us: Math.round(270 + 60 * jitter(i + 4) + (jitter(i + 6) > 0.97 ? 240 : 0)) }));
}

export function predictionsAt(rng, ms, limit) {
  return Array.from({ length: limit }, (_, i) => {
    const event = EVENT_NOW - i * HOUR;
    const hour = new Date(event).getUTCHours();
    const label = Math.round(40 + 380 * Math.exp(-(((hour - 17) / 4) ** 2)) + 220 * Math.exp(-(((hour - 8) / 1.8) ** 2)));
    const candidate = i % 2 === 1;
    return { request_id: `rq-${rng.hex(12)}`, event_time: eventIso(event), at: iso(ms - i * 420), arm: candidate ? "candidate" : "champion", version: candidate ? 4 : 2, latency_us: 108 + Math.round(rng.next() * 40), status: "ok",
      features: { hr: hour, temp: round(0.4 + 0.2 * Math.sin(hour / 4), 2), hum: 0.61, windspeed: 0.19, workingday: 1, weathersit: 1, season: 2 }, prediction: round(label + rng.normal() * 26, 1), label: event > EVENT_NOW - DAY ? null : label };
  });
}
