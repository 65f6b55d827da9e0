import { describe, expect, it } from "vitest";
import type { AnnotationKind, Severity } from "../../../api/monitoring";
import { flagsOf, fullest, placeFlags, wordings } from "./flagPlaces";
import { type Mark, marksOf } from "./model";

const marks = (...list: [t: string, kind: AnnotationKind, title: string, severity: Severity, id: string][]): Mark[] =>
  marksOf({ monitor: "m", metric: "wape", objective: null, points: [], annotations: list.map(([t, kind, title, severity, id]) => ({ t, at: t, kind, title, detail: null, severity, link: { kind: "x", id } })) });

describe("flags", () => {
  const flags = flagsOf(marks(
    ["2012-01-01", "promotion", "bikes/1 is the first champion", "good", "bikes"], ["2012-03-14", "alarm", "bikes-error firing", "bad", "a1"], ["2012-03-15", "gate", "gate passed", "good", "g1"],
    ["2012-03-15", "canary", "canary of version 2", "info", "r1"], ["2012-03-20", "alarm", "bikes-error firing", "bad", "a1"], ["2012-03-28", "promotion", "version 2 promoted", "good", "r1"],
    ["2012-04-08", "resolved", "bikes-error resolved", "good", "a1"], ["2012-05-09", "gate", "gate refused", "bad", "g2"], ["2012-06-09", "rollback", "version 4 rolled back", "bad", "r2"], ["2012-07-01", "alarm", "bikes-error firing", "bad", "a1"],
  ));
  it("name what changed the line, an alarm once while it lasts", () => {
    expect(flags.map((flag) => flag.words)).toEqual(["v1 promoted", "alarm", "v2 promoted", "refused", "v4 rolled back", "alarm"]);
  });
  it("shorten promotions first", () => {
    expect(wordings(flags).map((words) => words.slice(2, 5))).toEqual([["v2 promoted", "refused", "v4 rolled back"], ["v2", "refused", "v4 rolled back"], ["v2", "refused", "v4"]]);
  });
});

describe("the places of flags", () => {
  const wish = (x: number, width: number, rank = 1) => ({ x, width, rank });
  it("are in the first row, to the right, while there is room", () => {
    expect(placeFlags([wish(10, 40), wish(100, 40)], 3, 0, 200)).toEqual([{ row: 0, side: "right" }, { row: 0, side: "right" }]);
  });
  it("go down a row beside a neighbour, and to the left at the edge", () => {
    expect(placeFlags([wish(10, 40), wish(30, 40), wish(190, 40)], 3, 0, 200)).toEqual([{ row: 0, side: "right" }, { row: 1, side: "right" }, { row: 0, side: "left" }]);
  });
  it("never stand under a pole that comes down from above, and the lowest ranks go first", () => {
    expect(placeFlags([wish(10, 25, 1), wish(30, 60, 0)], 2, 0, 90)).toEqual([null, { row: 0, side: "right" }]);
    expect(placeFlags([wish(10, 25, 0), wish(30, 60, 1)], 2, 0, 90)).toEqual([{ row: 0, side: "right" }, { row: 1, side: "right" }]);
  });
  it("are given to nobody where all is taken", () => expect(placeFlags([wish(0, 50, 0), wish(1, 50, 1)], 1, 0, 60)).toEqual([{ row: 0, side: "right" }, null]));
  it("cover nothing, whatever is wished", () => {
    for (let seed = 1; seed < 40; seed += 1) {
      const wishes = Array.from({ length: 12 }, (_, i) => wish(((seed * 7919 + i * 104_729) % 1000), 20 + ((seed * 31 + i * 17) % 70), i % 4));
      const places = placeFlags(wishes, 3, 0, 1000).map((place, i) => ({ place, ...(wishes[i] ?? wish(0, 0)) })).filter((each) => each.place !== null);
      const boxes = places.map(({ place, x, width }) => ({ row: place?.row ?? 0, pole: x, from: place?.side === "right" ? x : x - width, to: place?.side === "right" ? x + width : x }));
      for (const a of boxes) {
        for (const b of boxes) {
          if (a === b) continue;
          if (a.row === b.row) expect(a.to < b.from || b.to < a.from).toBe(true);
          if (a.row < b.row && a.pole !== b.pole) expect(a.pole > b.from && a.pole < b.to).toBe(false);
        }
      }
    }
  });
});

it("the fullest attempt wins, and of equals the first", () => {
  const place = { row: 0, side: "right" } as const;
  expect(fullest([{ n: 1, places: [place, null] }, { n: 2, places: [place, place] }, { n: 3, places: [place, place] }])?.n).toBe(2);
  expect(fullest([])).toBeUndefined();
});
