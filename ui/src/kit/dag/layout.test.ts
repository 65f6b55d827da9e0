import { describe, expect, it } from "vitest";
import { type GraphNode, layout } from "./layout";

const node = (id: string, ...needs: string[]): GraphNode => ({ id, needs });
const layerOf = (graph: GraphNode[]) => Object.fromEntries(layout(graph).nodes.map((each) => [each.id, each.layer]));

describe("layout", () => {
  const train = [node("prepare"), node("train", "prepare"), node("evaluate", "train", "prepare"), node("register", "train", "evaluate", "prepare")];

  it("puts every node behind all it needs", () => {
    expect(layerOf(train)).toEqual({ prepare: 0, train: 1, evaluate: 2, register: 3 });
  });
  it("does not depend on the order of declaration", () => {
    expect(layerOf(train.toReversed())).toEqual(layerOf(train));
  });
  it("draws only edges that no longer way shows", () => {
    expect(layout(train).edges.map((edge) => `${edge.from}>${edge.to}`)).toEqual(["prepare>train", "train>evaluate", "evaluate>register"]);
  });
  it("centres a short layer", () => {
    const fork = layout([node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c")]);
    expect(fork.slots).toBe(2);
    expect(fork.nodes.filter((each) => ["a", "d"].includes(each.id)).map((each) => each.slot)).toEqual([0.5, 0.5]);
  });
  it("uncrosses what can be uncrossed", () => {
    const graph = layout([node("a"), node("b"), node("x", "b"), node("y", "a")]);
    const slot = (id: string) => graph.nodes.find((each) => each.id === id)?.slot ?? -1;
    expect(slot("a") < slot("b")).toBe(slot("y") < slot("x"));
  });
  it("bears cycles, strangers, twins and nothing", () => {
    expect(layout([node("a", "b"), node("b", "a"), node("c", "nobody", "a", "a")]).nodes).toHaveLength(3);
    expect(layout([])).toEqual({ nodes: [], edges: [], layers: 0, slots: 1 });
  });
  it("gives no two nodes one place", () => {
    const wide = Array.from({ length: 40 }, (_, i) => node(`n${i}`, ...(i === 0 ? [] : [`n${Math.floor((i - 1) / 3)}`])));
    const places = new Set(layout(wide).nodes.map((each) => `${each.layer}/${each.slot}`));
    expect(places.size).toBe(40);
  });
});
