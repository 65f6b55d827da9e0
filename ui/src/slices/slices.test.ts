/** The small decisions of the slices: columns, lineage, evidence, traffic, typed parameters. */
import { describe, expect, it } from "vitest";
import type { Evidence, Release, TrafficPoint } from "../api/serving";
import type { ModelVersion } from "../api/registry";
import type { Run } from "../api/tracking";
import { seriesTicks } from "../kit/chart/Series";
import { pathOf } from "../kit/links";
import { isBetter } from "../kit/metricOrder";
import { type ColumnDef, sorted } from "../kit/Table";
import { toneOf } from "../kit/tone";
import { lookOf } from "./activity/feedLook";
import { differenceAt, differenceDomain, seenLooks, stepSpans, verdictWords } from "./serving/evidence";
import { trafficLines } from "./serving/trafficLines";
import { lineageOf } from "./registry/lineageNodes";
import { typed } from "./pipelines/StartRun";
import { defaultKeys, keysOf } from "./tracking/columns";

describe("links", () => {
  it("lead to every kind the contract names", () => {
    expect([["release", "rel_1"], ["pipeline_run", "run_1"], ["alert", "al_1"], ["gate_decision", "gd_1"], ["model_version", "bikes/2"], ["dataset_version", "bikes@2"], ["model", "bikes"], ["dataset", "bikes"], ["run", "8a"], ["run", "run_9"], ["user", "local"]]
      .map(([kind, id]) => pathOf(kind ?? "", id ?? ""))).toEqual([
      "/releases/rel_1", "/pipeline-runs/run_1", "/alerts/al_1", "/gate-decisions/gd_1", "/models/bikes/versions/2", "/data/bikes/versions/2", "/models/bikes", "/data/bikes", "/runs/8a", "/pipeline-runs/run_9", null,
    ]);
  });
});

describe("tones", () => {
  it("keep red for what needs somebody", () => {
    expect(["FAILED", "firing", "breach"].map(toneOf)).toEqual(["bad", "bad", "bad"]);
    expect(["refused", "rolled_back", "drifted"].map(toneOf)).toEqual(["warn", "warn", "warn"]);
    expect(["waiting", "cached", "no_data", "unheard of"].map(toneOf)).toEqual(["idle", "idle", "idle", "idle"]);
  });
  it("give an unknown event the drawing of its slice", () => expect(lookOf("serving.something_new")).toEqual({ icon: "deployments", tone: "idle" }));
});

describe("tables", () => {
  const columns: ColumnDef<{ n: number }>[] = [{ key: "n", head: "n", cell: (row) => row.n, sort: (row) => row.n }];
  const rows = [{ n: 2 }, { n: Number.NaN }, { n: 10 }, { n: 1 }];
  it("sort numbers as numbers and leave the rows they were given", () => {
    expect(sorted(rows, columns, { key: "n", down: false }).map((row) => row.n)).toEqual([1, 2, 10, Number.NaN]);
    expect(rows[0]?.n).toBe(2);
    expect(sorted(rows, columns, null)).toBe(rows);
  });
});

describe("run columns", () => {
  const run = (metrics: string[], params: string[]) => ({ metrics: Object.fromEntries(metrics.map((key) => [key, { value: 1, step: 0, at: "" }])), params: Object.fromEntries(params.map((key) => [key, "1"])), tags: {} }) as unknown as Run;
  it("begin with what most runs share, quality first", () => {
    const all = keysOf([run(["train_loss", "mae"], ["seed"]), run(["train_loss", "wape"], ["seed", "depth"]), run(["train_loss"], [])]);
    expect(all).toEqual({ metrics: ["train_loss", "mae", "wape"], params: ["seed", "depth"], tags: [] });
    expect(defaultKeys(all).metrics).toEqual(["mae", "wape", "train_loss"]);
  });
});

describe("metrics", () => {
  it("are better when errors are less, scores are more and a bias is nearer to none", () => {
    expect([isBetter("wape", 0.1, 0.2), isBetter("r2", 0.1, 0.2), isBetter("bias", -279, -46), isBetter("bias", -2, 46), isBetter("mae", 3, 3)]).toEqual([true, false, false, true, false]);
  });
});

describe("series", () => {
  it("have whole ticks where their values are whole", () => {
    expect(seriesTicks([0, 1], [{ values: [0, 1, Number.NaN] }])).toEqual([0, 1]);
    expect(seriesTicks([0, 1], [{ values: [0, 0.5] }])).toContain(0.2);
  });
});

describe("lineage", () => {
  const version = { model: "bikes", version: 2, ref: "bikes/2", digest: "b3:0", tracking_run_id: "8a", lineage: { dataset: "bikes@2", dataset_digest: "b3:1", code_digest: "b3:2", git_commit: null, environment_digest: "b3:3", pipeline_run: "run_1", params: {} } } as unknown as ModelVersion;
  it("runs from data to deployment", () => {
    const nodes = lineageOf(version, [{ name: "bikes", model: "bikes", arms: [{ arm: "champion", version: 2 }] }, { name: "other", model: "bikes", arms: [{ arm: "champion", version: 1 }] }]);
    expect(nodes.map((node) => [node.id, node.needs])).toEqual([["data", []], ["code", []], ["environment", []], ["run", ["data", "code", "environment"]], ["tracked", ["run"]], ["version", ["tracked"]], ["deployment bikes", ["version"]]]);
  });
  it("of a version from outside is the version alone", () => expect(lineageOf({ ...version, lineage: null, tracking_run_id: null }, [])).toHaveLength(1));
});

describe("evidence", () => {
  const look = (pairs: number, half: number, mean = -5, step = 0): Evidence => ({ at: `t${pairs}`, event_time: "", step, pairs, mean_difference: mean, lower: mean - half, upper: mean + half, champion_mean: 30, candidate_mean: 25, champion_p99_us: 1, candidate_p99_us: 1, champion_failures: 0, candidate_failures: 0, verdict: "continue" });
  const release = (evidence: Evidence[], more: Partial<Release> = {}) => ({ state: "running", reason: null, judge: { metric: "absolute_error", alpha: 0.05, min_samples: 24, paired: true }, steps: [{ share: 0.1 }, { share: 0.5 }], evidence, ...more }) as Release;
  it("is not flattened by the first, very wide intervals", () => {
    const [low, high] = differenceDomain([look(4, 5000), look(40, 20), look(80, 8)]);
    expect(low).toBeGreaterThan(-100);
    expect(high).toBeGreaterThanOrEqual(0);
    expect(differenceDomain([])).toEqual([-1, 1]);
  });
  it("begins with the two means, before there is an interval", () => {
    const early = { ...look(24, 0), mean_difference: null, lower: null, upper: null };
    const blind = { ...early, pairs: 0, champion_mean: null, candidate_mean: null };
    expect([early, look(48, 3, -7)].map(differenceAt)).toEqual([-5, -7]);
    expect(seenLooks([blind, early, look(48, 3)]).map((each) => each.pairs)).toEqual([24, 48]);
    expect(differenceDomain([early])[0]).toBeLessThanOrEqual(-5);
  });
  it("is divided by steps", () => {
    expect(stepSpans(release([look(1, 1), look(2, 1), look(3, 1, -5, 1)]))).toEqual([{ step: 0, share: 0.1, from: 0, to: 1 }, { step: 1, share: 0.5, from: 2, to: 2 }]);
  });
  it("is put in words", () => {
    expect(verdictWords(release([]))).toContain("waiting");
    expect(verdictWords(release([look(10, 50)]))).toBe("10 of at least 24 pairs");
    expect(verdictWords(release([look(40, 50)]))).toContain("still holds zero");
    expect(verdictWords(release([look(40, 50)], { state: "promoted", reason: "better" }))).toBe("better");
  });
});

describe("traffic", () => {
  const point = (second: number, arm: string, requests: number, unseen = 0): TrafficPoint => ({ at: `2026-01-02T03:04:0${second}Z`, arm, version: 1, requests, unseen, failures: 0, p50_us: 100, p99_us: 300 });
  it("fills seconds without an arm with no requests and no latency", () => {
    const lines = trafficLines([point(1, "champion", 5), point(2, "champion", 6), point(2, "candidate", 1), point(3, "champion", 0)]);
    expect(lines.times).toHaveLength(3);
    expect(lines.requests.map((line) => line.values)).toEqual([[5, 6, 0], [0, 1, 0]]);
    expect(lines.latency[0]?.values).toEqual([300, 300, Number.NaN]);
  });
  it("shows the requests that callers got an answer to, and the latency of unseen ones too", () => {
    const lines = trafficLines([point(1, "candidate", 1, 9), point(2, "candidate", 0, 10)]);
    expect(lines.requests.map((line) => line.values)).toEqual([[1, 0]]);
    expect(lines.latency[0]?.values).toEqual([300, 300]);
  });
});

it("keeps the types of parameters", () => {
  expect([typed("8", 7), typed("", 7), typed("x", 7), typed("true", false), typed("2012", "")]).toEqual([8, "", "x", true, "2012"]);
});
