import { describe, expect, it } from "vitest";
import type { Annotation, MonitorWindow, Timeline } from "../../../api/monitoring";
import { bandsOf, dodge, extent, isUpperBound, marksOf, quietPlace, stintsOf } from "./model";

const annotation = (t: string, kind: Annotation["kind"], id: string): Annotation => ({ t, at: t, kind, title: kind, detail: null, severity: "info", link: { kind: "x", id } });
const timeline = (parts: Partial<Timeline>): Timeline => ({ monitor: "m", metric: "wape", objective: 0.35, points: [], annotations: [], ...parts });
const ms = (t: string) => Date.parse(t);

describe("marks and bands", () => {
  const marks = marksOf(timeline({ annotations: [
    annotation("2012-03-17T00:00:00Z", "promotion", "r1"), annotation("2012-03-12T00:00:00Z", "alarm", "a1"), annotation("2012-03-13T00:00:00Z", "canary", "r1"),
    annotation("2012-03-15T00:00:00Z", "canary", "r1"), annotation("2012-06-08T00:00:00Z", "canary", "r2"),
    { ...annotation("2012-01-01T00:00:00Z", "run", "x"), kind: "unheard" as never },
  ] }));

  it("are in the order of time and leave out kinds without a lane", () => {
    expect(marks.map((mark) => mark.kind)).toEqual(["alarm", "canary", "canary", "promotion", "canary"]);
  });
  it("last from their start to their end, or to the edge", () => {
    expect(bandsOf(marks, 99e13)).toEqual([
      { kind: "alarm", from: ms("2012-03-12T00:00:00Z"), to: 99e13 },
      { kind: "canary", from: ms("2012-03-13T00:00:00Z"), to: ms("2012-03-17T00:00:00Z") },
      { kind: "canary", from: ms("2012-06-08T00:00:00Z"), to: 99e13 },
    ]);
  });
});

describe("extent and bound", () => {
  it("covers points and annotations", () => {
    const both = extent(timeline({ points: [{ t: "2012-01-02T00:00:00Z", value: 1, n: 1, state: "ok" }], annotations: [annotation("2012-01-05T00:00:00Z", "run", "r")] }));
    expect(both?.[0]).toBeLessThan(ms("2012-01-02T00:00:00Z"));
    expect(both?.[1]).toBeGreaterThan(ms("2012-01-05T00:00:00Z"));
    expect(extent(timeline({}))).toBeNull();
  });
  it("learns from a breach which side is bad", () => {
    expect(isUpperBound(timeline({ points: [{ t: "2012-01-02T00:00:00Z", value: 0.4, n: 1, state: "breach" }] }))).toBe(true);
    expect(isUpperBound(timeline({ points: [{ t: "2012-01-02T00:00:00Z", value: 0.3, n: 1, state: "breach" }] }))).toBe(false);
  });
});

describe("stints", () => {
  const window = (end: string, versions: Record<string, number>) => ({ start: "2012-01-01T00:00:00Z", end, versions }) as MonitorWindow;
  it("join neighbours, go over silent windows and change with the majority", () => {
    const stints = stintsOf([
      window("2012-01-02T00:00:00Z", { 1: 24 }), window("2012-01-03T00:00:00Z", {}), window("2012-01-04T00:00:00Z", { 1: 20, 2: 4 }), window("2012-01-05T00:00:00Z", { 1: 2, 2: 22 }),
    ]);
    expect(stints.map((stint) => stint.version)).toEqual(["1", "2"]);
    expect(stints[0]?.to).toBe(ms("2012-01-04T00:00:00Z"));
    expect(stints[1]?.from).toBe(ms("2012-01-04T00:00:00Z"));
  });
});

it("red is kept for what needs somebody", () => {
  const marks = marksOf(timeline({ annotations: (["alarm", "gate", "rollback"] as const).map((kind) => ({ ...annotation("2012-01-01T00:00:00Z", kind, kind), severity: "bad" as const })) }));
  expect(marks.map((mark) => mark.severity)).toEqual(["bad", "warning", "warning"]);
});

describe("the words of a level line", () => {
  it("stand at the right end", () => expect(quietPlace([[95, 80]], 50, 0, 100, 30, 18)).toBe(100));
  it("move to the left of what crosses them", () => expect(quietPlace([[90, 45]], 50, 0, 100, 30, 18)).toBe(76));
  it("have no place where all is crossed", () => expect(quietPlace(Array.from({ length: 20 }, (_, i): [number, number] => [i * 5, 45]), 50, 0, 100, 30, 18)).toBeNull());
});

describe("dodge", () => {
  it("leaves alone what has room", () => expect(dodge([10, 50, 90], 20, 0, 100)).toEqual([10, 50, 90]));
  it("spreads a crowd around its middle", () => expect(dodge([50, 50, 50], 20, 0, 100)).toEqual([30, 50, 70]));
  it("stays inside, keeps the order and the distance", () => {
    const wishes = [1, 2, 3, 55, 56, 97, 98, 99];
    const places = dodge(wishes, 10, 0, 100);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThanOrEqual(100);
    for (let i = 1; i < places.length; i += 1) expect((places[i] ?? 0) - (places[i - 1] ?? 0)).toBeGreaterThanOrEqual(10 - 1e-9);
  });
  it("moves closer when there are too many", () => {
    const places = dodge(Array.from({ length: 30 }, () => 50), 20, 0, 100);
    expect(places.every((place) => place >= -1e-9 && place <= 100 + 1e-9)).toBe(true);
  });
});
