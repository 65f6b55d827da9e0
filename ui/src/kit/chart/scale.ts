/** Scales and ticks. Pure functions over numbers; times are milliseconds. */

export interface Scale {
  (value: number): number;
  domain: [number, number];
  range: [number, number];
  invert: (pixel: number) => number;
}

export function linear(domain: [number, number], range: [number, number]): Scale {
  const [d0, d1] = domain;
  const [r0, r1] = range;
  const span = d1 - d0 || 1;
  const scale = ((value: number) => r0 + ((value - d0) / span) * (r1 - r0)) as Scale;
  scale.domain = domain;
  scale.range = range;
  scale.invert = (pixel) => d0 + ((pixel - r0) / (r1 - r0 || 1)) * span;
  return scale;
}

/** A scale on which equal factors are equal lengths. What is not above zero has no place on it. */
export function logarithmic(domain: [number, number], range: [number, number]): Scale {
  const inner = linear([Math.log10(domain[0]), Math.log10(domain[1])], range);
  const scale = ((value: number) => (value > 0 ? inner(Math.log10(value)) : Number.NaN)) as Scale;
  scale.domain = domain;
  scale.range = range;
  scale.invert = (pixel) => 10 ** inner.invert(pixel);
  return scale;
}

/** The range of the values above zero, with a little room; a decade around 1 when there are none. */
export function logDomain(values: Iterable<number>): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const value of values) {
    if (!Number.isFinite(value) || value <= 0) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0.1, 10];
  return low === high ? [low / 2, high * 2] : [low * (low / high) ** 0.03, high * (high / low) ** 0.03];
}

/** Powers of ten; over less than two of them also their doubles and fives. */
export function logTicks(domain: [number, number], wanted: number): number[] {
  const [from, to] = [Math.floor(Math.log10(domain[0])), Math.ceil(Math.log10(domain[1]))];
  const decades = Math.log10(domain[1] / domain[0]);
  const leads = decades < 2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil((to - from) / Math.max(wanted, 1)));
  const out: number[] = [];
  for (let power = from; power <= to && out.length < 100; power += leads.length > 1 ? 1 : stride) {
    for (const lead of leads) {
      const tick = Number((lead * 10 ** power).toPrecision(6));
      if (tick >= domain[0] && tick <= domain[1]) out.push(tick);
    }
  }
  return out.length >= 2 ? out : ticks(domain, wanted);
}

/** A step of 1, 2 or 5 times a power of ten that gives about `wanted` ticks. */
export function niceStep(span: number, wanted: number): number {
  if (!(span > 0) || wanted < 1) return 1;
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

export function ticks(domain: [number, number], wanted: number): number[] {
  const step = niceStep(domain[1] - domain[0], wanted);
  const first = Math.ceil(domain[0] / step);
  const last = Math.floor(domain[1] / step);
  const out: number[] = [];
  for (let i = first; i <= last && out.length < 100; i += 1) out.push(Number((i * step).toPrecision(12)));
  return out;
}

/** The domain of values, widened to whole steps. An empty or flat set gets room around it. */
export function niceDomain(values: Iterable<number>, wanted = 5): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high || (low === 0 && high === 0)) return [0, 1];
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    low -= room;
    high += room;
  }
  const step = niceStep(high - low, wanted);
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const STEPS: number[] = [
  1000, 5000, 15_000, 30_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
];
const MONTHS = [1, 2, 3, 6, 12, 24, 60];

export interface TimeTick {
  at: number;
  label: string;
  /** The first tick of a day or a year, which carries the larger unit. */
  major: boolean;
}

/** Ticks on whole units of UTC: seconds to weeks, then months and years. */
export function timeTicks(domain: [number, number], wanted: number): TimeTick[] {
  const raw = (domain[1] - domain[0]) / Math.max(wanted, 1);
  const step = STEPS.find((each) => each >= raw);
  return step === undefined ? monthTicks(domain, raw) : unitTicks(domain, step);
}

function unitTicks(domain: [number, number], step: number): TimeTick[] {
  const out: TimeTick[] = [];
  // Weeks start on Monday; the epoch was a Thursday.
  const offset = step % (7 * DAY) === 0 ? 4 * DAY : 0;
  for (let at = Math.ceil((domain[0] - offset) / step) * step + offset; at <= domain[1] && out.length < 100; at += step) {
    const day = at % DAY === 0;
    out.push({ at, label: step >= DAY || day ? dayLabel(at) : clockLabel(at, step < MINUTE), major: day && step < DAY });
  }
  return out;
}

function monthTicks(domain: [number, number], raw: number): TimeTick[] {
  const months = MONTHS.find((each) => each * 30.4 * DAY >= raw) ?? 120;
  const out: TimeTick[] = [];
  const start = new Date(domain[0]);
  let index = start.getUTCFullYear() * 12 + start.getUTCMonth();
  index = Math.ceil(index / months) * months;
  for (; out.length < 100; index += months) {
    const at = Date.UTC(Math.floor(index / 12), index % 12, 1);
    if (at > domain[1]) break;
    if (at < domain[0]) continue;
    const january = index % 12 === 0;
    out.push({ at, label: january ? String(Math.floor(index / 12)) : MONTH_NAMES[index % 12] ?? "", major: january });
  }
  return out;
}

const MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const pad = (n: number): string => String(n).padStart(2, "0");

function dayLabel(at: number): string {
  const day = new Date(at);
  return `${day.getUTCDate()} ${MONTH_NAMES[day.getUTCMonth()] ?? ""}`;
}

function clockLabel(at: number, seconds: boolean): string {
  const time = new Date(at);
  const hours = `${pad(time.getUTCHours())}:${pad(time.getUTCMinutes())}`;
  return seconds ? `${hours}:${pad(time.getUTCSeconds())}` : hours;
}

/** An SVG path through points; a missing one (NaN) breaks the line. */
export function linePath(points: [number, number][]): string {
  let path = "";
  let pen = false;
  for (const [x, y] of points) {
    if (Number.isNaN(y)) {
      pen = false;
      continue;
    }
    path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return path;
}

/** The band between two lines as a closed path. */
export function bandPath(points: [number, number, number][]): string {
  const whole = points.filter(([, low, high]) => !Number.isNaN(low) && !Number.isNaN(high));
  if (whole.length < 2) return "";
  const top = whole.map(([x, , high]) => `${x.toFixed(1)} ${high.toFixed(1)}`);
  const bottom = whole.toReversed().map(([x, low]) => `${x.toFixed(1)} ${low.toFixed(1)}`);
  return `M${top.join("L")}L${bottom.join("L")}Z`;
}

/** The index of the point nearest to `value`; the points are in order. */
export function nearest(sortedValues: number[], value: number): number {
  let low = 0;
  let high = sortedValues.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((sortedValues[middle] ?? 0) < value) low = middle;
    else high = middle;
  }
  return Math.abs((sortedValues[low] ?? 0) - value) <= Math.abs((sortedValues[high] ?? 0) - value) ? low : high;
}
