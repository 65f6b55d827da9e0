/** The arithmetic of a comparison. Pure functions over numbers; what is no number is left out, never taken for zero. */

/**
 * An exponential moving average that starts at the first value: each is divided by the weight that has gone in so far, so that the beginning
 * is not drawn towards zero. Gaps stay gaps.
 */
export function ema(values: number[], weight: number): number[] {
  if (weight <= 0) return values;
  let sum = 0;
  let mass = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}

export type Point = [number, number];

/** The value of a line at `x`, straight between its points; NaN outside of them. The points are in order. */
export function valueAt(points: Point[], x: number): number {
  const last = points.length - 1;
  if (last < 0 || x < (points[0]?.[0] ?? 0) || x > (points[last]?.[0] ?? 0)) return Number.NaN;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) <= x) low = middle;
    else high = middle;
  }
  const [x0, y0] = points[low] ?? [x, Number.NaN];
  const [x1, y1] = points[high] ?? [x, Number.NaN];
  if (x === x1) return y1;
  if (x === x0 || x1 === x0) return y0;
  return y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

export interface Band {
  x: number;
  mean: number;
  low: number;
  high: number;
  /** Lines that have a value here. */
  n: number;
}

export type Spread = "range" | "error";

/** What several lines come to: their mean, and around it their whole range or the standard error of the mean. */
export function band(lines: Point[][], spread: Spread, places = 160): Band[] {
  const known = lines.map((line) => line.filter(([, y]) => Number.isFinite(y))).filter((line) => line.length > 0);
  const xs = [...new Set(known.flatMap((line) => line.map(([x]) => x)))].toSorted((a, b) => a - b);
  const stride = Math.max(1, xs.length / places);
  const grid = xs.length <= places ? xs : Array.from({ length: places }, (_, i) => xs[Math.min(xs.length - 1, Math.round(i * stride))] ?? 0).concat(xs.at(-1) ?? 0);
  return [...new Set(grid)].flatMap((x) => {
    const values = known.map((line) => valueAt(line, x)).filter(Number.isFinite);
    if (values.length === 0) return [];
    const mean = average(values);
    if (spread === "range") return [{ x, mean, low: Math.min(...values), high: Math.max(...values), n: values.length }];
    const error = values.length < 2 ? 0 : Math.sqrt(squares(values) / (values.length - 1) / values.length);
    return [{ x, mean, low: mean - error, high: mean + error, n: values.length }];
  });
}

export const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sum of squared distances from the mean. */
export function squares(values: number[]): number {
  const mean = average(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

export interface Line {
  slope: number;
  intercept: number;
  /** The share of the variance of `y` that the line explains. */
  r2: number;
  n: number;
}

/** The straight line of least squares; `null` where there is none: too few points, or all above one another. */
export function regression(points: Point[]): Line | null {
  const known = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const n = known.length;
  if (n < 2) return null;
  const meanX = average(known.map(([x]) => x));
  const meanY = average(known.map(([, y]) => y));
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of known) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (xx === 0) return null;
  const slope = xy / xx;
  return { slope, intercept: meanY - slope * meanX, r2: yy === 0 ? 0 : (xy * xy) / (xx * yy), n };
}

/** Quantile of values in order, straight between neighbours (the definition most programs use, R's type 7). */
export function quantile(sortedValues: number[], q: number): number {
  if (sortedValues.length === 0) return Number.NaN;
  const place = (sortedValues.length - 1) * q;
  const below = Math.floor(place);
  const [a, b] = [sortedValues[below] ?? Number.NaN, sortedValues[Math.min(below + 1, sortedValues.length - 1)] ?? Number.NaN];
  return a + (place - below) * (b - a);
}

export interface Box {
  n: number;
  q1: number;
  median: number;
  q3: number;
  /** The last values within one and a half boxes of the box. */
  low: number;
  high: number;
  outliers: number[];
}

export function box(values: number[]): Box | null {
  const known = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  if (known.length === 0) return null;
  const [q1, median, q3] = [quantile(known, 0.25), quantile(known, 0.5), quantile(known, 0.75)];
  const reach = 1.5 * (q3 - q1);
  const inside = known.filter((value) => value >= q1 - reach && value <= q3 + reach);
  return { n: known.length, q1, median, q3, low: inside[0] ?? q1, high: inside.at(-1) ?? q3, outliers: known.filter((value) => value < q1 - reach || value > q3 + reach) };
}

/** The share of the variance of all values that lies between the groups' means; NaN where it has no meaning. */
export function etaSquared(groups: number[][]): number {
  const known = groups.map((group) => group.filter(Number.isFinite)).filter((group) => group.length > 0);
  const all = known.flat();
  if (known.length < 2 || all.length <= known.length) return Number.NaN;
  const total = squares(all);
  if (total === 0) return Number.NaN;
  const mean = average(all);
  return known.reduce((sum, group) => sum + group.length * (average(group) - mean) ** 2, 0) / total;
}

export interface Importance {
  key: string;
  method: "r2" | "eta2";
  /** Share of the metric's variance that goes with the parameter, by itself. */
  share: number;
  /** For numbers: whether more of it goes with more of the metric (1) or less (-1). */
  sign: 1 | -1 | 0;
  n: number;
  values: number;
}

/** A number, if the text is one. */
export function asNumber(text: string | undefined): number {
  return text === undefined || text.trim() === "" ? Number.NaN : Number(text);
}

/**
 * How much of a metric goes with each parameter: the squared Pearson correlation where every value is a number, eta squared otherwise. Both are
 * shares of variance, so they can stand in one list. Parameters with one value, or with another one in each run, are left out.
 */
export function importance(rows: { params: Record<string, string>; value: number }[], keys: string[]): Importance[] {
  const found: Importance[] = [];
  for (const key of keys) {
    const known = rows.flatMap(({ params, value }) => (params[key] === undefined || !Number.isFinite(value) ? [] : [{ text: params[key], value }]));
    const values = new Set(known.map(({ text }) => text)).size;
    if (values < 2 || known.length < 3) continue;
    const numeric = known.every(({ text }) => Number.isFinite(asNumber(text)));
    if (numeric) {
      const line = regression(known.map(({ text, value }): Point => [asNumber(text), value]));
      if (line !== null) found.push({ key, method: "r2", share: line.r2, sign: Math.sign(line.slope) as 1 | -1 | 0, n: known.length, values });
    } else {
      const share = etaSquared(groupsOf(known));
      if (Number.isFinite(share)) found.push({ key, method: "eta2", share, sign: 0, n: known.length, values });
    }
  }
  return found.toSorted((a, b) => b.share - a.share);
}

function groupsOf(known: { text: string; value: number }[]): number[][] {
  const by = new Map<string, number[]>();
  for (const { text, value } of known) by.set(text, [...(by.get(text) ?? []), value]);
  return [...by.values()];
}
