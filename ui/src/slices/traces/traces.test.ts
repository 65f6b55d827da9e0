import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Span } from "../../api/traces";
import { messagesIn } from "./chat";
import { dollars, familyOf, otherAttributes, previewWords } from "./facts";
import { otlpLines } from "./teachLines";
import { ancestorsOf, nextError, rowsOf, stepFrom, ticksOf, treeOf } from "./tree";

const span = (span_id: string, parent_id: string | null, offset_ns: number, duration_ns: number | null, more: Partial<Span> = {}): Span =>
  ({ span_id, parent_id, name: span_id, kind: null, status: "OK", offset_ns, duration_ns, attributes: {}, events: [], links: [], ...more });
const none: ReadonlySet<string> = new Set();

/** a(0..100): b(10..40, with d and e that overlap), c(50..60). */
const FAMILY = [span("a", null, 0, 100), span("c", "a", 50, 10, { status: "ERROR" }), span("b", "a", 10, 30), span("d", "b", 10, 15), span("e", "b", 20, 15)];

describe("the tree of spans", () => {
  it("stands parents before children, children in the order in which they began", () => expect(treeOf(FAMILY).order).toEqual(["a", "b", "d", "e", "c"]));
  it("takes from a span's own time what its children did, overlaps once", () => {
    const { nodes } = treeOf(FAMILY);
    expect(["a", "b", "c", "d"].map((id) => nodes.get(id)?.self_ns)).toEqual([60, 5, 10, 15]);
  });
  it("counts only the part of a child that lies within", () => {
    const { nodes } = treeOf([span("a", null, 10, 10), span("b", "a", 5, 10), span("late", "a", 18, 50)]);
    expect(nodes.get("a")?.self_ns).toBe(3);
  });
  it("never makes time: self times add up to the whole where nothing overlaps", () => {
    const chain = Array.from({ length: 200 }, (_, i) => span(`s${i}`, i === 0 ? null : `s${i - 1}`, i, 1000 - 2 * i));
    expect([...treeOf(chain).nodes.values()].reduce((sum, node) => sum + node.self_ns, 0)).toBe(1000);
  });
  it("lets an unfinished span reach to the end", () => expect(treeOf([span("a", null, 0, null), span("b", "a", 2, 8)]).nodes.get("a")).toMatchObject({ end_ns: 10, self_ns: 2 }));
  it("tells of errors upwards", () => expect(["a", "b", "c"].map((id) => treeOf(FAMILY).nodes.get(id)?.failed)).toEqual([true, false, true]));
  it("keeps orphans, circles, twins and depth", () => {
    expect(treeOf([span("a", "gone", 0, 1)]).roots).toEqual(["a"]);
    expect(treeOf([span("a", "b", 0, 1), span("b", "a", 0, 1)]).order).toEqual(["a", "b"]);
    expect(treeOf([span("a", null, 0, 1), span("a", null, 0, 1)]).order).toEqual(["a"]);
    expect(treeOf([]).order).toEqual([]);
    const deep = treeOf(Array.from({ length: 20_000 }, (_, i) => span(`s${i}`, i === 0 ? null : `s${i - 1}`, i, 1)));
    expect(deep.nodes.get("s19999")?.depth).toBe(19_999);
    expect(ancestorsOf(deep, "s3")).toEqual(["s2", "s1", "s0"]);
  });
  it("hides what stands under a closed span", () => {
    expect(rowsOf(treeOf(FAMILY), new Set(["b"]))).toEqual(["a", "b", "c"]);
    expect(rowsOf(treeOf(FAMILY), new Set(["a"]))).toEqual(["a"]);
  });
});

describe("keys on the tree", () => {
  const tree = treeOf(FAMILY);
  const press = (at: string, key: string, closed = none) => stepFrom(tree, rowsOf(tree, closed), closed, at, key, 3);
  it("walk up and down and stop at the ends", () => {
    expect([press("a", "ArrowDown"), press("b", "ArrowUp"), press("a", "ArrowUp"), press("a", "End"), press("c", "Home"), press("a", "PageDown")])
      .toEqual([{ pick: "b" }, { pick: "a" }, null, { pick: "c" }, { pick: "a" }, { pick: "e" }]);
  });
  it("close and go up to the left, open and go down to the right", () => {
    const closed = new Set(["b"]);
    expect([press("b", "ArrowLeft"), press("b", "ArrowLeft", closed), press("d", "ArrowLeft"), press("b", "ArrowRight", closed), press("b", "ArrowRight"), press("d", "ArrowRight"), press("a", "x")])
      .toEqual([{ close: "b" }, { pick: "a" }, { pick: "b" }, { open: "b" }, { pick: "d" }, null, null]);
  });
  it("go from error to error and around", () => expect([nextError(tree, "a"), nextError(tree, "c"), nextError(treeOf([span("a", null, 0, 1)]), "a")]).toEqual(["c", "c", null]));
});

describe("the axis", () => {
  it("has a handful of round ticks within", () => {
    expect(ticksOf(100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksOf(2_371_008)).toEqual([0, 500_000, 1_000_000, 1_500_000, 2_000_000]);
    expect(ticksOf(0)).toEqual([0]);
    for (const total of [1, 3, 77, 12_345, 9.9e12]) expect(ticksOf(total).length).toBeLessThanOrEqual(6);
  });
});

describe("messages", () => {
  const said = (value: unknown) => messagesIn(value)?.map((each) => `${each.role}: ${each.text}${each.calls.map((call) => ` [${call.name} ${JSON.stringify(call.args)}]`).join("")}`);
  it("of a chat completion", () => {
    expect(said({ model: "m", messages: [{ role: "system", content: "Be kind." }, { role: "user", content: [{ type: "text", text: "Hi" }, { type: "image_url", image_url: {} }] }] })).toEqual(["system: Be kind.", "user: Hi\n[image]"]);
    expect(said({ choices: [{ message: { role: "assistant", content: null, tool_calls: [{ function: { name: "find", arguments: '{"q":1}' } }] } }] })).toEqual(['assistant:  [find {"q":1}]']);
  });
  it("of content blocks with a system prompt beside", () => {
    expect(said({ system: "Be brief.", messages: [{ role: "user", content: "Hi" }] })).toEqual(["system: Be brief.", "user: Hi"]);
    expect(said({ role: "assistant", content: [{ type: "text", text: "Well" }, { type: "tool_use", name: "find", input: { q: 1 } }] })).toEqual(['assistant: Well [find {"q":1}]']);
    expect(said({ messages: [{ role: "user", content: [{ type: "tool_result", content: [{ type: "text", text: "42" }] }] }] })).toEqual(["user: 42"]);
  });
  it("of responses, chains and parts", () => {
    expect(said({ model: "m", input: "Hi", instructions: "Be kind." })).toEqual(["system: Be kind.", "user: Hi"]);
    expect(said({ output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello" }] }, { type: "function_call", name: "find", arguments: "{}" }] })).toEqual(["assistant: Hello", "assistant:  [find {}]"]);
    expect(said([[{ type: "human", content: "Hi" }]].flat())).toEqual(["user: Hi"]);
    expect(said([{ role: "user", parts: [{ type: "text", content: "Hi" }] }])).toEqual(["user: Hi"]);
  });
  it("are not seen in what is none", () => expect([messagesIn({ q: "Hi" }), messagesIn([1]), messagesIn([]), messagesIn("Hi"), messagesIn(null), messagesIn({ messages: [{ role: "user", content: "x" }, 3] })]).toEqual([null, null, null, null, null, null]));
});

describe("words and numbers", () => {
  it("cut a preview down to what was asked", () => {
    expect(previewWords('{"q": "How long?", "fail": false}')).toBe("How long?");
    expect(previewWords('{"messages": [{"role": "user", "content": "Hi"}]}')).toBe("Hi");
    expect(previewWords('{"a": "x", "b": "y"}')).toBe('{"a": "x", "b": "y"}');
    expect([previewWords('{"cut": "of'), previewWords(null), previewWords('"just words"')]).toEqual(['{"cut": "of', "", "just words"]);
  });
  it("show money with the digits that matter", () => expect([dollars(0.0046), dollars(12.3), dollars(0), dollars(0.0000012), dollars(null)]).toEqual(["$0.0046", "$12.30", "$0.00", "$0.0000012", "–"]));
  it("know kinds of any spelling", () => expect([familyOf("CHAT_MODEL"), familyOf("tool"), familyOf(null), familyOf("MY_OWN")]).toEqual(["model", "tool", "other", "other"]));
  it("list an attribute once", () => expect(otherAttributes(span("a", null, 0, 1, { attributes: { z: 1, "mlflow.spanInputs": {}, b: 2 } }))).toEqual([["b", 2], ["z", 1]]));
  it("teach the variables of the documents", () => {
    const docs = readFileSync(new URL("../../../../docs/mlflow.md", import.meta.url), "utf8");
    for (const line of otlpLines("http://127.0.0.1:7070").split("\n")) expect(docs).toContain(line);
  });
});
