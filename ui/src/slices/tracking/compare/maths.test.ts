import { describe, expect, it } from "vitest";
import { type Point, asNumber, band, box, ema, etaSquared, importance, quantile, regression, valueAt } from "./maths";

describe("the moving average", () => {
  it("starts at the first value and not near zero", () => expect(ema([10, 10, 10], 0.9)).toEqual([10, 10, 10].map((each) => expect.closeTo(each))));
  it("follows with its weight", () => {
    const [first, second] = ema([0, 1], 0.5);
    expect([first, second]).toEqual([0, expect.closeTo(0.5 / 0.75)]);
  });
  it("leaves values as they are without a weight, and gaps as gaps", () => {
    expect(ema([3, 1], 0)).toEqual([3, 1]);
    expect(ema([4, Number.NaN, 4, Number.POSITIVE_INFINITY], 0.5)).toEqual([4, Number.NaN, expect.closeTo(4), Number.NaN]);
  });
  it("never leaves the range of what it has seen", () => {
    const values = Array.from({ length: 60 }, (_, i) => Math.sin(i * 1.7) * i);
    for (const value of ema(values, 0.97)) expect(Math.abs(value)).toBeLessThanOrEqual(60);
  });
});

describe("several lines", () => {
  const line = (...points: Point[]) => points;
  it("are read between their points and not beyond", () => expect([valueAt(line([0, 0], [10, 5]), 4), valueAt(line([0, 0], [10, 5]), 10), valueAt(line([0, 0], [10, 5]), 11), valueAt([], 0), valueAt(line([3, 7]), 3)]).toEqual([2, 5, Number.NaN, Number.NaN, 7]));
  it("have a mean and a range where they are", () => {
    const found = band([line([0, 0], [2, 2]), line([0, 2], [1, 3], [2, 4])], "range");
    expect(found).toEqual([{ x: 0, mean: 1, low: 0, high: 2, n: 2 }, { x: 1, mean: 2, low: 1, high: 3, n: 2 }, { x: 2, mean: 3, low: 2, high: 4, n: 2 }]);
    expect(band([line([0, 1]), line([0, 3], [5, 3])], "range").at(-1)).toEqual({ x: 5, mean: 3, low: 3, high: 3, n: 1 });
  });
  it("have the standard error of their mean", () => {
    const [at] = band([line([0, 1]), line([0, 3])], "error");
    // The deviation of 1 and 3 is the square root of 2; over two lines its error is 1.
    expect(at).toEqual({ x: 0, mean: 2, low: expect.closeTo(1), high: expect.closeTo(3), n: 2 });
    expect(band([line([0, 1])], "error")[0]).toMatchObject({ low: 1, high: 1 });
  });
  it("keep their ends when they are thinned", () => {
    const long = Array.from({ length: 5000 }, (_, i): Point => [i, i]);
    const found = band([long], "range", 50);
    expect([found.length <= 51, found[0]?.x, found.at(-1)?.x]).toEqual([true, 0, 4999]);
  });
});

describe("a regression", () => {
  it("finds a line that is one", () => expect(regression([[0, 1], [1, 3], [2, 5]])).toEqual({ slope: 2, intercept: 1, r2: 1, n: 3 }));
  it("explains nothing of what does not depend", () => expect(regression([[0, 1], [1, 1], [2, 1], [Number.NaN, 9]])).toMatchObject({ slope: 0, r2: 0, n: 3 }));
  it("agrees with figures worked out by hand", () => {
    const found = regression([[1, 2], [2, 4], [3, 5], [4, 4], [5, 5]]);
    expect(found).toEqual({ slope: expect.closeTo(0.6), intercept: expect.closeTo(2.2), r2: expect.closeTo(0.6), n: 5 });
  });
  it("is none over points above one another", () => expect([regression([[1, 1], [1, 2]]), regression([[1, 1]])]).toEqual([null, null]));
});

describe("quantiles", () => {
  it("stand between neighbours", () => expect([quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.25), quantile([7], 0.9), quantile([], 0.5)]).toEqual([2.5, 1.75, 7, Number.NaN]));
  it("make a box with what lies far outside of it", () => {
    expect(box([1, 2, 3, 4, 100, Number.NaN])).toEqual({ n: 5, q1: 2, median: 3, q3: 4, low: 1, high: 4, outliers: [100] });
    // The box is two wide, so what is more than three away from it stands alone.
    expect([box([1, 2, 3, 4, 7])?.outliers, box([1, 2, 3, 4, 7.5])?.outliers]).toEqual([[], [7.5]]);
    expect(box([])).toBeNull();
  });
});

describe("importance", () => {
  it("of groups is the variance between them", () => {
    expect(etaSquared([[1, 1], [3, 3]])).toBe(1);
    expect(etaSquared([[1, 3], [1, 3]])).toBe(0);
    expect(etaSquared([[1, 2], [3, 4]])).toBeCloseTo(0.8);
    expect([etaSquared([[1, 2]]), etaSquared([[1], [2]]), etaSquared([[1, 1], [1]])]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });
  it("orders parameters by the share that goes with them, and names the method", () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({ params: { depth: String(i), kind: i % 2 === 0 ? "a" : "b", seed: String((i * 7) % 5), same: "1", id: `x${i}` }, value: 10 - i + (i % 2 === 0 ? 0.2 : 0) }));
    const found = importance(rows, ["seed", "kind", "depth", "same", "id", "absent"]);
    expect(found.map(({ key, method, sign }) => [key, method, sign])).toEqual([["depth", "r2", -1], expect.any(Array), expect.any(Array)]);
    expect(found.map((each) => each.key)).not.toContain("same");
    expect(found.map((each) => each.key)).not.toContain("id");
    for (const each of found) expect(each.share >= 0 && each.share <= 1).toBe(true);
  });
  it("takes nothing for a number that is none", () => expect([asNumber("3e-4"), asNumber(" "), asNumber(undefined), asNumber("3px")]).toEqual([3e-4, Number.NaN, Number.NaN, Number.NaN]));
});
