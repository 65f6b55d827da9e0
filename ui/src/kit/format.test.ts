import { describe, expect, it } from "vitest";
import { bytes, cell, compact, count, duration, elapsed, metric, micros, moment, percent, plain, relative, short, signed } from "./format";

describe("metric", () => {
  it("keeps four digits and drops idle zeros", () => {
    expect([0.48, 31.2, 0.21344, 1204.4, 0].map(metric)).toEqual(["0.48", "31.2", "0.2134", "1\u202f204", "0"]);
  });
  it("writes what is no number as the API means it", () => {
    expect([metric("NaN"), metric("Infinity"), metric("-Infinity"), metric(null), metric(undefined)]).toEqual(["NaN", "∞", "−∞", "–", "–"]);
  });
  it("falls back to powers of ten at the ends", () => {
    expect([metric(0.00001234), metric(1.2e9), metric(-0.04)]).toEqual(["1.23e−5", "1.20e9", "−0.04"]);
  });
  it("stands in columns with its zeros", () => {
    expect([cell(34.8), cell(0.232), cell(7), cell("NaN"), cell(0.00001)]).toEqual(["34.80", "0.2320", "7", "NaN", "1.00e−5"]);
  });
  it("shows which way a difference goes", () => {
    expect([signed(12.5), signed(-3), signed(0), signed(null)]).toEqual(["+12.50", "−3", "0", "–"]);
  });
});

describe("sizes and counts", () => {
  it("counts", () => {
    expect([count(8760), compact(8760), compact(24_812), compact(3_140_000)]).toEqual(["8\u202f760", "8\u202f760", "24.8k", "3.1M"]);
  });
  it("weighs", () => {
    expect([bytes(512), bytes(812_345), bytes(210_000_000), bytes(null)]).toEqual(["512 B", "793 KiB", "200 MiB", "–"]);
  });
  it("shares", () => {
    expect([percent(0.1), percent(0.0026, 1), percent(0.001), percent(0), percent(1)].map((text) => text.replace("\u202f", " "))).toEqual(["10 %", "0.3 %", "0.1 %", "0 %", "100 %"]);
  });
});

describe("durations", () => {
  it("latency from microseconds", () => {
    expect([micros(120), micros(1400), micros(2_100_000)]).toEqual(["120 µs", "1.4 ms", "2.1 s"]);
  });
  it("length from milliseconds", () => {
    expect([840, 4200, 41_000, 200_000, 7_500_000, 356_400_000].map(duration)).toEqual(["840 ms", "4.2 s", "41 s", "3m 20s", "2h 05m", "4d 3h"]);
  });
  it("of what has not ended counts to now", () => {
    const from = "2026-01-02T03:04:05.000006Z";
    expect(elapsed(from, null, Date.parse(from) + 65_000)).toBe("1m 05s");
    expect(elapsed(null, null)).toBe("–");
  });
});

describe("times", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  it("near now are relative, far ones are dates", () => {
    const ago = (ms: number) => relative(new Date(now - ms).toISOString(), now);
    expect([ago(1000), ago(40_000), ago(180_000), ago(7_200_000), ago(86_400_000), ago(5 * 86_400_000), ago(40 * 86_400_000)])
      .toEqual(["just now", "40 s ago", "3 min ago", "2 h ago", "1 day ago", "5 days ago", "23 Nov 2025"]);
  });
  it("to come are written out", () => expect(relative("2026-01-03T00:00:00Z", now)).toBe("3 Jan 2026, 00:00"));
  it("of events are in UTC", () => expect(moment("2012-03-04T05:00:00Z")).toBe("4 Mar 2012, 05:00"));
});

it("shortens digests but keeps their scheme", () => {
  expect([short("b3:0123456789abcdef", 6), short("rel_01kb0000", 6)]).toEqual(["b3:012345", "rel_01"]);
});

it("shows any JSON value", () => {
  expect([plain("x"), plain(1.5), plain([2]), plain(null), plain({ a: 1 })]).toEqual(["x", "1.5", "2", "–", '{"a":1}']);
});
