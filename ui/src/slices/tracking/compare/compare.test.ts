import { describe, expect, it } from "vitest";
import type { MetricSeries, Run } from "../../../api/tracking";
import { axisOf, isNumeric, varying, within } from "./axes";
import { curveKeys, groupValues, linesOf, lookAt, pointsOf } from "./curves";
import { differences } from "./differences";
import { type CompareState, readCompare, writeCompare } from "./state";

const run = (id: string, params: Record<string, string>, metrics: Record<string, number> = {}, tags: Record<string, string> = {}): Run =>
  ({ run_id: id, name: `run ${id}`, status: "FINISHED", experiment: "x", started_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:01:00Z", user: "ada", params, tags, pipeline_run: null, metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, { value, step: key === "loss" ? 9 : 0, at: "" }])) }) as unknown as Run;
const series = (...values: (number | "NaN")[]): MetricSeries => ({ key: "loss", points: values.map((value, step) => ({ step, at: `2026-01-01T00:00:0${step + 1}Z`, value })) });

describe("a comparison", () => {
  it("is in the address and comes back from it", () => {
    const state: CompareState = { ids: ["a", "b&c"], show: "parameters", x: "relative", logX: true, logY: true, smooth: 0.6, group: "params.depth", spread: "error", target: "val/loss" };
    expect(readCompare(new URLSearchParams(writeCompare(state).toString()))).toEqual(state);
    expect(writeCompare(readCompare(new URLSearchParams("run=a&run=a&run="))).toString()).toBe("run=a");
    expect(readCompare(new URLSearchParams("smooth=7&x=sideways")).smooth).toBe(0.99);
  });
});

describe("lines", () => {
  const runs = [run("1", { depth: "2" }), run("2", { depth: "10" }), run("3", { depth: "2" }), run("4", {})];
  const logged = runs.map((each, i) => ({ run: each, series: series(i, i + 2) }));
  const shape = { x: "step", smooth: 0, group: "", spread: "range" } as const;
  it("are one a run, with what was there before they were smoothed", () => {
    expect(linesOf(logged, shape, runs).map((line) => [line.label, line.points, line.raw])).toContainEqual(["run 2", [[0, 1], [1, 3]], undefined]);
    expect(linesOf(logged, { ...shape, smooth: 0.5 }, runs)[0]?.raw).toEqual([[0, 0], [1, 2]]);
  });
  it("are one a group, with a band where there are several", () => {
    const found = linesOf(logged, { ...shape, group: "params.depth" }, runs);
    expect(groupValues(runs, "params.depth")).toEqual(["2", "10", null]);
    expect(found.map((line) => line.label)).toEqual(["2 (2)", "10 (1)", "not set (1)"]);
    expect([found[0]?.points, found[0]?.band, found[1]?.band]).toEqual([[[0, 1], [1, 3]], [[0, 0, 2], [1, 2, 4]], undefined]);
  });
  it("keep their colour whichever of them are drawn", () => {
    const one = linesOf(logged.slice(1, 2), shape, runs);
    expect(one[0]?.color).toBe(lookAt(1).color);
    expect(new Set(Array.from({ length: 32 }, (_, i) => JSON.stringify(lookAt(i)))).size).toBe(32);
  });
  it("run over steps, moments, or the time since the run began", () => {
    expect(pointsOf(series(5, "NaN"), "relative", "2026-01-01T00:00:00Z")).toEqual([[1000, 5], [2000, Number.NaN]]);
    expect(pointsOf(series(5), "relative", "2026-06-01T00:00:00Z")).toEqual([[0, 5]]);
    expect(pointsOf(series(5), "time", "")).toEqual([[Date.parse("2026-01-01T00:00:01Z"), 5]]);
  });
  it("are told from metrics that were logged once", () => expect(curveKeys([run("1", {}, { loss: 1, mae: 2 })])).toEqual({ curves: ["loss"], single: ["mae"] }));
});

describe("axes", () => {
  const runs = [run("1", { lr: "0.001", opt: "adam", same: "1" }, { loss: 1 }), run("2", { lr: "0.1", opt: "sgd", same: "1" }, { loss: 3 }), run("3", { lr: "0.01", same: "1" }, { loss: 2 })];
  const format = String;
  it("stand numbers in their order, over factors if need be", () => {
    const lr = axisOf(runs, "params.lr", format);
    expect([lr.kind, lr.marks, runs.map(lr.place)]).toEqual(["log", ["0.001", "0.1"], [0, 1, expect.closeTo(0.5)]]);
    expect(axisOf(runs, "metrics.loss", format)).toMatchObject({ kind: "number", marks: ["1", "3"] });
    expect(axisOf(runs, "params.same", format).place(run("9", { same: "1" }))).toBe(0.5);
  });
  it("stand words beside each other, and nowhere what is missing", () => {
    const opt = axisOf(runs, "params.opt", format);
    expect([opt.kind, runs.map(opt.place), isNumeric(runs, "params.opt")]).toEqual(["words", [0, 1, Number.NaN], false]);
  });
  it("are brushed together", () => {
    const axes = [axisOf(runs, "params.lr", format), axisOf(runs, "params.opt", format)];
    expect(within(runs, axes, {}).length).toBe(3);
    expect(within(runs, axes, { "params.lr": [0.4, 1] }).map((each) => each.run_id)).toEqual(["2", "3"]);
    expect(within(runs, axes, { "params.lr": [0.4, 1], "params.opt": [0, 1] }).map((each) => each.run_id)).toEqual(["2"]);
  });
  it("begin with parameters that vary", () => expect(varying(runs, ["same", "lr", "opt"])).toEqual(["lr", "opt"]));
});

describe("differences", () => {
  it("tell what is the same, what is not, and what is not there", () => {
    const found = differences([run("1", { lr: "1", seed: "7" }, { loss: 1 }, { team: "a", "mlflow.source.git.commit": "c0" }), run("2", { lr: "2", seed: "7" }, {}, { "mlflow.source.git.commit": "c1", "mlflow.note.content": "long" })]);
    const rows = Object.fromEntries(found.map((section) => [section.title, section.rows]));
    expect(rows["Parameters"]).toEqual([{ key: "lr", values: ["1", "2"], differs: true }, { key: "seed", values: ["7", "7"], differs: false }]);
    expect(rows["Metrics"]).toEqual([{ key: "loss", values: ["1", null], differs: true }]);
    expect(rows["Tags"]?.map((each) => each.key)).toEqual(["team"]);
    expect(rows["Environment"]?.find((each) => each.key.includes("git"))?.differs).toBe(true);
  });
});
