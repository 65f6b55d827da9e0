/** The few happenings that a reader of the line must know by name, and where their words stand. Pure functions. */
import type { Mark } from "./model";

export interface Flag {
  mark: Mark;
  words: string;
  /** What is left of the words where room is scarce; the drawing says the rest. */
  brief: string;
  /** Who stays when there is no room for all: the lowest. */
  rank: number;
}

const RANK = { alarm: 0, rollback: 1, promotion: 2, gate: 3 } as const;
const VERSION = /(?:\bversion |\/)(\d+)/;

/** Alarms once while they last, versions that took over or were sent back, candidates that were refused. */
export function flagsOf(marks: Mark[]): Flag[] {
  const firing = new Set<string>();
  const flags: Flag[] = [];
  for (const mark of marks) {
    const id = mark.link?.id ?? "";
    if (mark.kind === "resolved") firing.delete(id);
    if (mark.kind === "alarm") {
      if (!firing.has(id)) flags.push({ mark, words: "alarm", brief: "alarm", rank: RANK.alarm });
      firing.add(id);
    } else if (mark.kind === "promotion" || mark.kind === "rollback") {
      const version = VERSION.exec(mark.title)?.[1];
      const what = mark.kind === "promotion" ? "promoted" : "rolled back";
      flags.push({ mark, words: version === undefined ? what : `v${version} ${what}`, brief: version === undefined ? what : `v${version}`, rank: RANK[mark.kind] });
    } else if (mark.kind === "gate" && mark.severity !== "good" && mark.severity !== "info") flags.push({ mark, words: "refused", brief: "refused", rank: RANK.gate });
  }
  return flags;
}

/** The words of all flags, from the fullest to the shortest: promotions are the first to be brief. */
export function wordings(flags: Flag[]): string[][] {
  return [
    flags.map((flag) => flag.words),
    flags.map((flag) => (flag.mark.kind === "promotion" ? flag.brief : flag.words)),
    flags.map((flag) => flag.brief),
  ];
}

/** The first of some attempts that leaves nobody out, else the one that leaves out the fewest. */
export function fullest<T extends { places: (Place | null)[] }>(attempts: T[]): T | undefined {
  const shown = (attempt: T) => attempt.places.filter((place) => place !== null).length;
  return attempts.reduce<T | undefined>((best, each) => (best === undefined || shown(each) > shown(best) ? each : best), undefined);
}

export interface Wish {
  /** Where the pole stands. */
  x: number;
  /** How much room pole and words need. */
  width: number;
  rank: number;
}

export interface Place {
  row: number;
  /** Which side of its pole the words stand on. */
  side: "right" | "left";
}

interface Taken extends Place {
  from: number;
  to: number;
  pole: number;
}

/**
 * Finds each flag a row and a side on which it covers no other flag and no pole that comes down from above. The important ones choose
 * first; who finds nothing answers `null` and is not shown.
 */
export function placeFlags(wishes: Wish[], rows: number, low: number, high: number): (Place | null)[] {
  const taken: Taken[] = [];
  const out: (Place | null)[] = wishes.map(() => null);
  const order = wishes.map((_, index) => index).toSorted((a, b) => (wishes[a]?.rank ?? 0) - (wishes[b]?.rank ?? 0) || a - b);
  for (const index of order) {
    const wish = wishes[index];
    if (wish === undefined) continue;
    const tries = Array.from({ length: rows }, (_, row) => row).flatMap((row) => [spot(wish, row, "right"), spot(wish, row, "left")]);
    const found = tries.find((each) => each.from >= low && each.to <= high && taken.every((other) => apart(each, other)));
    if (found === undefined) continue;
    taken.push(found);
    out[index] = { row: found.row, side: found.side };
  }
  return out;
}

function spot(wish: Wish, row: number, side: Place["side"]): Taken {
  return { row, side, pole: wish.x, from: side === "right" ? wish.x : wish.x - wish.width, to: side === "right" ? wish.x + wish.width : wish.x };
}

/** Room between two neighbours of a row, and between words and another's pole. */
const AIR = 4;

function apart(a: Taken, b: Taken): boolean {
  if (a.row === b.row) return a.to + AIR <= b.from || b.to + AIR <= a.from;
  const [upper, lower] = a.row < b.row ? [a, b] : [b, a];
  return upper.pole < lower.from - AIR || upper.pole > lower.to + AIR || upper.pole === lower.pole;
}
