import { describe, expect, it } from "vitest";
import type { AnnotationKind, Severity } from "../../../api/monitoring";
import { clustersOf } from "./clusters";
import type { Mark } from "./model";

const mark = (ms: number, kind: AnnotationKind, id: string, severity: Severity = "info"): Mark => ({ t: "", at: "", kind, title: `${kind} ${ms}`, detail: null, severity, link: { kind: "x", id }, ms, lane: 0, key: `${kind} ${ms} ${id}` });
const kinds = (marks: Mark[], gap: number, room: number) => clustersOf(marks, marks.map((each) => each.ms), gap, room).map((cluster) => [cluster.lead.kind, cluster.members.length]);

describe("clusters", () => {
  const release = [mark(100, "canary", "r1"), mark(110, "canary", "r1"), mark(125, "canary", "r1"), mark(140, "promotion", "r1", "good")];
  it("join the steps of a release and keep its end apart", () => expect(kinds(release, 20, 1000)).toEqual([["canary", 3], ["promotion", 1]]));
  it("leave steps alone that have room", () => expect(kinds(release, 4, 1000)).toEqual([["canary", 1], ["canary", 1], ["canary", 1], ["promotion", 1]]));
  it("keep two releases apart", () => expect(kinds([mark(100, "canary", "r1"), mark(101, "canary", "r2")], 20, 1000)).toEqual([["canary", 1], ["canary", 1]]));

  const run = [mark(100, "data", "bikes@2"), mark(100, "run", "run_2"), mark(100, "gate", "gd_2", "warning"), mark(104, "data", "bikes@3")];
  it("leave the parts of one moment apart while the lane has room", () => expect(kinds(run, 20, 1000)).toHaveLength(4));
  it("join them where it has none, and the gravest leads", () => expect(kinds(run, 20, 60)).toEqual([["gate", 3], ["data", 1]]));
});
