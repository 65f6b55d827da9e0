/** What the timeline draws, computed from the API's answer. Pure functions; times are milliseconds of event time. */
import type { Annotation, AnnotationKind, MonitorWindow, Severity, Timeline } from "../../../api/monitoring";
import type { IconName } from "../../../kit/Icon";

export interface LaneDef {
  name: string;
  kinds: AnnotationKind[];
}

/** Three lanes: what the monitor saw, what the pipeline made, what the release did. */
export const LANES: LaneDef[] = [
  { name: "Monitor", kinds: ["drift", "alarm", "resolved"] },
  { name: "Pipeline", kinds: ["data", "run", "gate"] },
  { name: "Release", kinds: ["canary", "promotion", "rollback"] },
];

export const KIND: Record<AnnotationKind, { icon: IconName; label: string }> = {
  drift: { icon: "drift", label: "drift" },
  alarm: { icon: "alerts", label: "alarm" },
  resolved: { icon: "check", label: "resolved" },
  data: { icon: "data", label: "data" },
  run: { icon: "play", label: "pipeline run" },
  gate: { icon: "gate", label: "gate" },
  canary: { icon: "canary", label: "canary" },
  promotion: { icon: "up", label: "promotion" },
  rollback: { icon: "back", label: "rollback" },
};

export interface Mark extends Annotation {
  ms: number;
  lane: number;
  key: string;
}

/** Red is kept for what needs somebody: a gate or a canary that said no did its job. */
const severityOf = ({ kind, severity }: Annotation): Severity => (severity === "bad" && (kind === "gate" || kind === "rollback") ? "warning" : severity);

export function marksOf(timeline: Timeline): Mark[] {
  return timeline.annotations
    .map((annotation, index) => ({
      ...annotation,
      severity: severityOf(annotation),
      ms: Date.parse(annotation.t),
      lane: LANES.findIndex((lane) => lane.kinds.includes(annotation.kind)),
      key: `${annotation.kind} ${annotation.t} ${index}`,
    }))
    .filter((mark) => mark.lane >= 0 && Number.isFinite(mark.ms))
    .toSorted((a, b) => a.ms - b.ms);
}

/** The whole of the event time the timeline knows. */
export function extent(timeline: Timeline): [number, number] | null {
  const all = [...timeline.points, ...timeline.annotations].map((each) => Date.parse(each.t)).filter(Number.isFinite);
  if (all.length === 0) return null;
  const low = all.reduce((a, b) => Math.min(a, b));
  const high = all.reduce((a, b) => Math.max(a, b));
  const room = Math.max((high - low) * 0.015, 3_600_000);
  return [low - room, high + room];
}

/** Whether the objective is an upper bound; the breaches tell, and without any it is taken for one. */
export function isUpperBound(timeline: Timeline): boolean {
  const { objective } = timeline;
  if (objective === null) return true;
  return !timeline.points.some((point) => point.state === "breach" && point.value !== null && point.value < objective);
}

export interface Band {
  kind: "alarm" | "canary";
  from: number;
  to: number;
}

/** Spans that something lasted: from alarm to resolved, from canary to its end. What has not ended lasts to the edge. */
export function bandsOf(marks: Mark[], edge: number): Band[] {
  const bands: Band[] = [];
  const open = new Map<string, Band>();
  for (const mark of marks) {
    const id = mark.link?.id ?? "";
    if (mark.kind === "alarm" || mark.kind === "canary") {
      const key = `${mark.kind} ${id}`;
      if (open.has(key)) continue;
      const band: Band = { kind: mark.kind, from: mark.ms, to: edge };
      open.set(key, band);
      bands.push(band);
    } else if (mark.kind === "resolved") close(open, `alarm ${id}`, mark.ms);
    else if (mark.kind === "promotion" || mark.kind === "rollback") close(open, `canary ${id}`, mark.ms);
  }
  return bands;
}

function close(open: Map<string, Band>, key: string, at: number): void {
  const band = open.get(key);
  if (band !== undefined) band.to = at;
  open.delete(key);
}

export interface Stint {
  version: string;
  from: number;
  to: number;
}

/** Who drove: the version that answered most in each window, neighbours joined, as a tyre chart shows its stints. A window without
 *  predictions ends no stint. */
export function stintsOf(windows: MonitorWindow[]): Stint[] {
  const stints: Stint[] = [];
  let before: number | null = null;
  for (const window of windows) {
    const end = Date.parse(window.end);
    const [first] = Object.entries(window.versions).toSorted((a, b) => b[1] - a[1] || Number(a[0]) - Number(b[0]));
    const from: number = before ?? Date.parse(window.start);
    before = end;
    if (first === undefined) continue;
    const last = stints.at(-1);
    if (last !== undefined && last.version === first[0]) last.to = end;
    else stints.push({ version: first[0], from, to: end });
  }
  return stints;
}

const STINT_COLOURS = 6;
export const stintColour = (version: string | number): string => `var(--stint-${((Math.max(1, Number(version) || 1) - 1) % STINT_COLOURS) + 1})`;

/**
 * Moves marks apart that would cover each other, as little as possible: neighbours that are too near become a group, and a group
 * stands around the middle of its wishes. The order stays. Wishes must be in order.
 */
export function dodge(wishes: number[], gap: number, low: number, high: number): number[] {
  const room = Math.max(0, high - low);
  const step = wishes.length > 1 ? Math.min(gap, room / (wishes.length - 1)) : gap;
  const groups: { sum: number; size: number }[] = [];
  wishes.forEach((wish, index) => {
    let group = { sum: wish - index * step, size: 1 };
    for (let last = groups.at(-1); last !== undefined && last.sum / last.size > group.sum / group.size; last = groups.at(-1)) {
      groups.pop();
      group = { sum: group.sum + last.sum, size: group.size + last.size };
    }
    groups.push(group);
  });
  const out: number[] = [];
  for (const group of groups) {
    for (let i = 0; i < group.size; i += 1) {
      const index = out.length;
      const limit = high - (wishes.length - 1 - index) * step;
      out.push(Math.min(Math.max(group.sum / group.size + index * step, low + index * step), Math.max(limit, low)));
    }
  }
  return out;
}

/** How far words are moved at a time while a quiet place for them is looked for. */
const SLIDE = 12;

/**
 * Where words that stand above a level line end so that nothing crosses them: as far to the right as possible, or nowhere. `reach` is their
 * length, `height` how far they rise above the level.
 */
export function quietPlace(points: [number, number][], level: number, from: number, to: number, reach: number, height: number): number | null {
  const near = points.filter(([, y]) => y <= level + 2 && y >= level - height).map(([x]) => x);
  for (let end = to; end - reach >= from; end -= SLIDE) {
    if (near.every((x) => x < end - reach || x > end + 2)) return end;
  }
  return null;
}
