import { describe, expect, it } from "vitest";
import type { Run } from "../../../api/tracking";
import { parts } from "../changes";
import { type Known, complete, expects, tokens } from "./complete";
import { compareValues, grouped, summary } from "./group";
import { EMPTY_VIEW, type RunsView, fieldsFor, folded, keyOf, orderBy, readView, spread, turned, writeView } from "./view";
import { between, offsets, rowsBetween } from "./window";

describe("a view", () => {
  const full: RunsView = { experiment: "bikes & co", filter: "metrics.`val/loss` < 3 AND tags.x = 'a,b'", order: { column: "metrics.val/loss desc", down: true }, columns: ["status", "metrics.val/loss", "params.*"], group: "params.depth", lifecycle: "deleted", widths: { "metrics.a~b": 140 } };
  it("is in the address and comes back from it", () => {
    expect(readView(new URLSearchParams(writeView(full).toString()))).toEqual(full);
    expect(writeView(EMPTY_VIEW).toString()).toBe("");
    expect(readView(new URLSearchParams())).toEqual(EMPTY_VIEW);
  });
  it("tells no columns from columns nobody chose", () => {
    expect(readView(writeView({ ...EMPTY_VIEW, columns: [] })).columns).toEqual([]);
    expect(readView(writeView(EMPTY_VIEW)).columns).toBeNull();
  });
  it("takes no nonsense from an address", () => expect(readView(new URLSearchParams("order=x sideways&width=a~-5&width=~9&width=b~x"))).toEqual({ ...EMPTY_VIEW, widths: { a: 56 } }));
  it("turns from largest to smallest to none", () => {
    const down = turned(null, "started");
    expect([down, turned(down, "started"), turned({ column: "started", down: false }, "started")]).toEqual([{ column: "started", down: true }, { column: "started", down: false }, null]);
  });
  it("asks the API in its words", () => {
    expect([orderBy({ column: "metrics.val/loss", down: true }), orderBy({ column: "name", down: false }), orderBy({ column: "took", down: false }), orderBy(null)]).toEqual(["metrics.`val/loss` DESC", "attributes.run_name ASC", undefined, undefined]);
    expect(fieldsFor(["status", "metrics.a", "params.x,y", "from"], "tags.t")).toBe("name,status,started_at,ended_at,experiment_id,metrics.a,params,pipeline_run,tags.t");
    expect(spread(["metrics.*", "metrics.a", "status"], { metrics: ["a", "b"], params: [], tags: [] })).toEqual(["metrics.a", "metrics.b", "status"]);
    expect(folded(["status", "metrics.a", "metrics.b", "params.x"], { metrics: ["a", "b"], params: ["x"], tags: [] })).toEqual(["status", "metrics.*", "params.x"]);
    expect(folded(["metrics.b", "metrics.a"], { metrics: ["a", "b"], params: [], tags: [] })).toEqual(["metrics.b", "metrics.a"]);
    expect([keyOf("tags.mlflow.note"), keyOf("status")]).toEqual([{ group: "tags", key: "mlflow.note" }, null]);
  });
});

describe("completion", () => {
  const known: Known = { keys: { metrics: ["loss", "val/loss"], params: ["depth"], tags: ["team"] }, values: (column) => (column === "params.depth" ? ["3", "it's"] : []) };
  const at = (text: string) => complete(text, text.length, known);
  const labels = (text: string) => at(text).items.map((item) => item.label);
  it("offers keys that begin so, then keys that contain it", () => {
    expect(labels("lo")).toEqual(["metrics.loss", "metrics.val/loss"]);
    expect(labels("metrics.v")).toEqual(["metrics.val/loss"]);
    expect(at("a = '1' AND val").items[0]?.insert).toBe("metrics.`val/loss` ");
  });
  it("offers operators by what is compared", () => {
    expect(labels("metrics.loss ")).toEqual(["<", "<=", ">", ">=", "=", "!="]);
    expect(labels("params.depth I")).toEqual(["ILIKE", "IN", "IS NULL", "IS NOT NULL", "LIKE", "NOT IN"]);
  });
  it("offers the values that rows have, in quotes", () => {
    expect(at("params.depth = ").items.map((item) => item.insert)).toEqual(["'3' ", "'it''s' "]);
    expect(labels("status = 'f")).toEqual(["FINISHED", "FAILED"]);
    expect(labels("metrics.loss < ")).toEqual([]);
  });
  it("joins, groups and negates", () => {
    expect(labels("metrics.loss < 3 ")).toEqual(["AND", "OR"]);
    expect(labels("(metrics.loss < 3 ")).toEqual(["AND", "OR", ")"]);
    expect(expects(tokens("NOT (a IS NOT NULL OR b NOT IN ('x', 'y')")).what).toBe("join");
    expect(expects(tokens("a = '1' OR NOT (")).what).toBe("field");
  });
  it("replaces the word under the caret and no more", () => {
    const { from, to } = complete("metrics.lo AND x = '1'", 10, known);
    expect([from, to]).toEqual([0, 10]);
    const quote = complete("metrics.`val/", 13, known);
    expect([quote.from, quote.items.map((item) => item.label)]).toEqual([0, ["metrics.val/loss"]]);
  });
});

describe("groups", () => {
  const run = (depth: string | null, loss: number | "NaN" | null) => ({ run_id: `${depth} ${loss}`, params: depth === null ? {} : { depth }, tags: {}, metrics: loss === null ? {} : { loss: { value: loss, step: 0, at: "" } } }) as unknown as Run;
  it("stand in the order of their values, those without it last", () => {
    const found = grouped([run("10", 1), run(null, 5), run("2", 3), run("2", "NaN"), run("deep", null), run("2", 1)], "params.depth", ["loss"]);
    expect(found.map((each) => [each.value, each.runs.length])).toEqual([["2", 3], ["10", 1], ["deep", 1], [null, 1]]);
    expect(found[0]?.metrics).toEqual({ loss: { n: 2, mean: 2, min: 1, max: 3 } });
    expect(found[2]?.metrics).toEqual({});
  });
  it("sum up what is a number", () => expect([summary([]), summary([Number.NaN, Number.POSITIVE_INFINITY]), summary([2])]).toEqual([null, null, { n: 1, mean: 2, min: 2, max: 2 }]));
  it("compare numbers as numbers", () => expect(["b", "10", "9", "a2", "a10"].toSorted(compareValues)).toEqual(["9", "10", "a2", "a10", "b"]));
});

describe("the part in sight", () => {
  const starts = offsets([100, 50, 200]);
  it("is found by where boxes begin", () => expect([starts, between(starts, 0, 99), between(starts, 100, 360), between(offsets([]), 0, 9)]).toEqual([[0, 100, 150, 350], [0, 0], [1, 2], [0, -1]]));
  it("of rows has some to spare and stays within them", () => expect([rowsBetween(0, 100, 10, 5, 2), rowsBetween(1000, 100, 10, 500, 3), rowsBetween(0, 100, 10, 0, 2), rowsBetween(9990, 100, 10, 20, 2)]).toEqual([[0, 4], [97, 113], [0, -1], [19, 19]]));
});

it("changes runs in parts that one call takes", () => expect([parts([1, 2, 3, 4, 5], 2), parts([], 2)]).toEqual([[[1, 2], [3, 4], [5]], []]));
