import { describe, expect, it } from "vitest";
import { DAY, bandPath, linePath, linear, logDomain, logTicks, logarithmic, nearest, niceDomain, ticks, timeTicks } from "./scale";

describe("linear", () => {
  it("maps and inverts", () => {
    const x = linear([10, 20], [0, 100]);
    expect(x(15)).toBe(50);
    expect(x.invert(x(13))).toBeCloseTo(13);
  });
  it("bears an empty domain", () => expect(Number.isFinite(linear([5, 5], [0, 100])(5))).toBe(true));
});

describe("ticks", () => {
  it("stand on round numbers inside the domain", () => {
    expect(ticks([0, 0.5], 5)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(ticks([-28, 25], 4)).toEqual([-20, -10, 0, 10, 20]);
  });
  it("widen the domain to whole steps and ignore what is no number", () => {
    expect(niceDomain([0.02, 0.47, Number.NaN], 5)).toEqual([0, 0.5]);
    expect(niceDomain([])).toEqual([0, 1]);
    expect(niceDomain([0, 0])).toEqual([0, 1]);
    const [low, high] = niceDomain([3, 3]);
    expect(low < 3 && high > 3).toBe(true);
  });
});

describe("timeTicks", () => {
  const at = (text: string) => Date.parse(text);
  it("names months over half a year, the year in January", () => {
    const labels = timeTicks([at("2011-12-20T00:00:00Z"), at("2012-06-18T00:00:00Z")], 8).map((tick) => tick.label);
    expect(labels).toEqual(["2012", "Feb", "Mar", "Apr", "May", "Jun"]);
  });
  it("names days over two weeks and hours over one day", () => {
    expect(timeTicks([at("2012-03-01T00:00:00Z"), at("2012-03-14T00:00:00Z")], 7).map((tick) => tick.label)[0]).toBe("1 Mar");
    expect(timeTicks([at("2012-03-01T05:00:00Z"), at("2012-03-01T20:00:00Z")], 6).map((tick) => tick.label)).toEqual(["06:00", "09:00", "12:00", "15:00", "18:00"]);
  });
  it("never makes more than can be read", () => {
    for (const span of [1000, 60_000, DAY, 30 * DAY, 4000 * DAY]) expect(timeTicks([0, span], 8).length).toBeLessThanOrEqual(13);
  });
});

describe("paths", () => {
  it("break where a value is missing", () => expect(linePath([[0, 1], [1, Number.NaN], [2, 3]])).toBe("M0.0 1.0M2.0 3.0"));
  it("close a band", () => expect(bandPath([[0, 1, 2], [1, 1, 2]])).toBe("M0.0 2.0L1.0 2.0L1.0 1.0L0.0 1.0Z"));
  it("draw no band from one point", () => expect(bandPath([[0, 1, 2]])).toBe(""));
});

it("finds the nearest of a row", () => {
  expect([nearest([0, 10, 20], 4), nearest([0, 10, 20], 6), nearest([0, 10, 20], 99), nearest([5], 0)]).toEqual([0, 1, 2, 0]);
});

describe("a logarithmic scale", () => {
  it("maps factors to lengths and back, and has no place for zero", () => {
    const y = logarithmic([1, 100], [0, 200]);
    expect([y(10), y(0), y(-1)]).toEqual([expect.closeTo(100), Number.NaN, Number.NaN]);
    expect(y.invert(y(42))).toBeCloseTo(42);
  });
  it("holds all that is above zero", () => {
    const [low, high] = logDomain([0, -3, 0.02, 5, Number.NaN]);
    expect(low > 0 && low < 0.02 && high > 5).toBe(true);
    expect(logDomain([])).toEqual([0.1, 10]);
  });
  it("has ticks on powers of ten, with more between few of them", () => {
    expect(logTicks([1, 1e6], 6)).toEqual([1, 10, 100, 1000, 1e4, 1e5, 1e6]);
    expect(logTicks([1, 30], 4)).toEqual([1, 2, 5, 10, 20]);
    expect(logTicks([0.21, 0.24], 4).length).toBeGreaterThan(1);
  });
});
