import { describe, expect, it } from "vitest";
import type { DatasetVersion } from "../../api/data";
import type { Monitor } from "../../api/monitoring";
import type { AliasMove, GateDecision, Model, ModelVersion } from "../../api/registry";
import type { Deployment } from "../../api/serving";
import { type CardFacts, cardOf, markdownOf } from "./card";
import { defaultPair, metricRows, signatureRows, signatureVerdict, valueRows } from "./compare";
import { asked, whyOf } from "./gateWords";
import { lineageOf } from "./lineageNodes";
import { latestMoves } from "./moves";

const version = (number: number, more: Partial<ModelVersion> = {}): ModelVersion => ({
  model: "bikes", version: number, ref: `bikes/${number}`, digest: "b3:0", bytes: 2048, format: "onnx", signature: null, inputs: [{ name: "temp", datatype: "FP32", shape: [-1, 1] }], outputs: [{ name: "y", datatype: "FP32", shape: [-1, 1] }], tracking_run_id: "8a", source: "", aliases: [], created_at: "2026-01-02T03:04:05.000006Z", created_by: "local",
  lineage: { dataset: "bikes@2", dataset_digest: "b3:1", code_digest: "b3:2", git_commit: null, environment_digest: "b3:3", pipeline_run: "run_1", params: {} }, metrics: { mae: 21.5 }, gate_decision: "gd_1", ...more,
});

describe("two versions", () => {
  it("differ by metric, each by what is better for it", () => {
    expect(metricRows({ r2: 0.9, mae: 30, only: 1 }, { r2: 0.8, mae: 20, same: 2 }).map((row) => [row.key, row.verdict])).toEqual([["mae", "better"], ["r2", "poorer"], ["only", "unknown"], ["same", "unknown"]]);
    expect(metricRows({ mae: 3 }, { mae: 3 })[0]).toMatchObject({ difference: 0, verdict: "same" });
    expect(metricRows({ mae: "NaN" }, { mae: 3 })[0]?.verdict).toBe("unknown");
  });
  it("differ by setting, what differs first", () => expect(valueRows({ seed: 7, depth: "3" }, { seed: 7, depth: "4", rate: 0.1 }).map((row) => [row.key, row.left, row.right, row.same])).toEqual([["depth", "3", "4", false], ["rate", undefined, "0.1", false], ["seed", "7", "7", true]]));
  it("say what a changed signature means for callers", () => {
    const t = (name: string, datatype = "FP32") => ({ name, datatype, shape: [-1, 1] });
    const said = (a: string[], b: string[], out = "FP32") => signatureVerdict(signatureRows(a.map((name) => t(name)), b.map((name) => t(name))), signatureRows([t("y")], [t("y", out)]));
    expect(said(["a"], ["a"])).toBe("The same signature: callers notice nothing.");
    expect(said(["a", "b"], ["a", "c"])).toBe("Callers must send c. No longer read: b.");
    expect(signatureVerdict(signatureRows([t("a")], []), [])).toContain("Only one of them");
    expect(signatureVerdict([], [])).toContain("Neither");
    expect(said(["a"], ["a"], "INT64")).toBe("1 tensor changes its type or shape.");
  });
  it("are the champion and the newest other when nobody said", () => {
    expect(defaultPair([version(1), version(3), version(2)], 1)).toEqual([1, 3]);
    expect(defaultPair([version(1), version(2)], undefined)).toEqual([1, 2]);
    expect(defaultPair([version(1)], 1)).toEqual([1, undefined]);
  });
});

describe("lineage", () => {
  it("goes the whole way, and every step of it leads somewhere", () => {
    const nodes = lineageOf(version(2), [{ name: "prod", model: "bikes", arms: [{ arm: "champion", version: 2 }] }]);
    expect(nodes.map((node) => `${node.needs.join("+")}>${node.id}`)).toEqual([">data", ">code", ">environment", "data+code+environment>run", "run>tracked", "tracked>gate", "gate>version", "version>deployment prod"]);
    expect(nodes.filter((node) => node.to === null).map((node) => node.id)).toEqual(["version"]);
  });
  it("is short for what came from outside", () => expect(lineageOf(version(1, { lineage: null, gate_decision: null }), []).map((node) => node.id)).toEqual(["tracked", "version"]));
});

describe("a gate", () => {
  it("says what it asks", () => {
    expect(asked({ floors: [{ metric: "wape", max: 0.4 }, { metric: "r2", min: 0.4, max: 1 }], champion: { metric: "mae", tolerance: 0.025 }, require: { aliases: ["champion"], gate: true, description: true, tags: ["owner"] } })).toEqual({
      floors: ["wape at most 0.4", "r2 at least 0.4 and at most 1"], champion: "mae at most 2.5\u202f% worse than that of the champion, on the same rows", needs: ["the consent of the gate", "a description", "the tag `owner`"], aliases: ["champion"],
    });
    expect(asked({ floors: [], champion: { metric: "mae" } })).toMatchObject({ champion: "mae no worse than that of the champion, on the same rows", needs: [], aliases: [] });
  });
  it("gives the reason that says most", () => {
    const rule = (kind: string, verdict: string, detail: string) => ({ name: detail, kind, metric: "", observed: null, bound: null, verdict, detail });
    const measured = rule("floor", "passed", "mae is 3");
    expect(whyOf([measured, rule("requirement", "passed", "it has the tag a")])).toBe("mae is 3");
    expect(whyOf([measured, rule("requirement", "refused", "it has no tag `b`")])).toBe("it has no tag `b`");
    expect([whyOf([rule("requirement", "passed", "it has the tag a")]), whyOf([])]).toEqual(["it has the tag a", ""]);
  });
});

describe("moves", () => {
  const move = (alias: string, at: string): AliasMove => ({ alias, from: null, to: 1, at, actor: "local", cause: null, reason: null });
  it("can be undone from the last of each alias only", () => {
    const [a, b, c] = [move("champion", "2026-01-01"), move("champion", "2026-01-03"), move("old", "2026-01-02")];
    expect([...latestMoves([a, b, c])]).toEqual([b, c]);
  });
});

describe("a model card", () => {
  const facts: CardFacts = {
    model: { name: "bikes", description: "Rentals in the next hour", aliases: { champion: 2 }, versions: 2, latest: null } as Model,
    version: version(2, { aliases: ["champion"], description: "Not for <b>holidays</b>" }),
    data: { dataset: "bikes", version: 2, rows: 10_253, schema: [{ name: "temp" }], checks: [{ status: "pass" }, { status: "warn" }], profile: { rows: 1, columns: [] } } as unknown as DatasetVersion,
    gate: { id: "gd_1", verdict: "passed", at: "2026-01-02T03:04:05Z", rows: 168, champion: 1, metrics: { mae: 21.5 }, champion_metrics: { mae: 80.2 }, rules: [{ name: "mae | floor", verdict: "passed", detail: "at most 30" }] } as unknown as GateDecision,
    moves: [{ alias: "champion", from: 1, to: 2, at: "2026-01-03T00:00:00Z", actor: "ada", cause: null, reason: "better by 61.2" }],
    deployments: [{ name: "prod", model: "bikes", arms: [{ arm: "champion", version: 2, share: 1 }] } as unknown as Deployment],
    monitors: [{ name: "bikes", deployment: "prod", objectives: [{ metric: "wape", max: 0.35 }], latest: { start: "2012-03-01T00:00:00Z", end: "2012-03-08T00:00:00Z", metrics: { wape: { value: 0.22 } }, drift: [{ feature: "temp", verdict: "drifted" }, { feature: "hr", verdict: "stable" }, { feature: "new", verdict: "no_data" }], versions: { 2: 24 } } } as unknown as Monitor],
  };
  const text = (given: CardFacts) => markdownOf("Model card of bikes/2", cardOf(given), "http://pit");
  it("tells everything that is known", () => {
    const card = text(facts);
    for (const words of ["# Model card of bikes/2", "Rentals in the next hour", "[bikes@2](http://pit/data/bikes/versions/2)", "1 of 2 passed", "| mae | 21.50 | 80.20 |", "better by 61.2", "ada", "as champion with 100", "1 of 2 features: temp", "0.22, at most 0.35 wanted", "- Gate: [passed](http://pit/gate-decisions/gd_1)"]) expect(card.replaceAll("\u202f", " ")).toContain(words);
  });
  it("lets nobody's words become markup", () => {
    expect(text(facts)).toContain("Not for &lt;b>holidays&lt;/b>");
    expect(text(facts)).toContain("| mae \\| floor | passed |");
  });
  it("says what is missing", () => {
    const card = text({ ...facts, version: version(2, { lineage: null, metrics: {}, gate_decision: null, inputs: [], outputs: [] }), data: null, gate: null, moves: [], deployments: [], monitors: [] });
    for (const words of ["Nobody has written down its limits", "not known", "No gate has measured it", "serves nobody", "no signature"]) expect(card).toContain(words);
  });
});
