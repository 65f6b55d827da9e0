/** Marks of a lane that would hide each other, joined into one. Pure functions. */
import type { Mark } from "./model";

export interface Cluster {
  /** The mark that is drawn and followed: the most telling one. */
  lead: Mark;
  /** All of them in the order of time, the lead among them. */
  members: Mark[];
}

const WEIGHT = { info: 0, good: 1, warning: 2, bad: 3 } as const;

/** The steps of a release say little one by one, so they are joined before they touch. */
const STEPS_REACH = 2;

/**
 * The steps of one release become one mark where they are near. Where the lane is too short for all its marks, what happened at one
 * moment becomes one mark too. `places` are the marks' true places.
 */
export function clustersOf(marks: Mark[], places: number[], gap: number, room: number): Cluster[] {
  const steps = join(marks, places, (a, b, distance) => distance < gap * (a.kind === "canary" ? STEPS_REACH : 1) && a.kind === b.kind && a.link !== null && a.link.id === b.link?.id);
  if (steps.length * gap <= room) return steps;
  return join(marks, places, (a, b, distance) => distance < gap && (a.ms === b.ms || (a.link !== null && a.link.id === b.link?.id)));
}

function join(marks: Mark[], places: number[], together: (a: Mark, b: Mark, distance: number) => boolean): Cluster[] {
  const clusters: Cluster[] = [];
  let lastPlace = Number.NEGATIVE_INFINITY;
  marks.forEach((mark, index) => {
    const place = places[index] ?? 0;
    const open = clusters.at(-1);
    const before = open?.members.at(-1);
    if (open !== undefined && before !== undefined && together(before, mark, place - lastPlace)) {
      open.members.push(mark);
      open.lead = telling(open.members);
    } else clusters.push({ lead: mark, members: [mark] });
    lastPlace = place;
  });
  return clusters;
}

/** The gravest of them, and of equals the last. */
function telling(members: Mark[]): Mark {
  return members.reduce((best, each) => (WEIGHT[each.severity] >= WEIGHT[best.severity] ? each : best));
}
