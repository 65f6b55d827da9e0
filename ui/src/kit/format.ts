/** Numbers, sizes, durations and times as people read them. Pure functions; the browser's language is not used, so that a page reads
 *  the same for two people who look at it together. */
import type { Num } from "../api/shapes";

export const DASH = "–";
const LOCALE = "en-GB";

/** The number behind the API's writing of it; NaN for absent ones. */
export function num(value: Num | null | undefined): number {
  if (value === null || value === undefined) return Number.NaN;
  return typeof value === "number" ? value : Number(value);
}

/** A metric's value with four significant digits: `0.2134`, `31.2`, `1 204`. */
export function metric(value: Num | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  const n = num(value);
  if (Number.isNaN(n)) return "NaN";
  if (!Number.isFinite(n)) return n > 0 ? "∞" : "−∞";
  if (n === 0) return "0";
  const size = Math.abs(n);
  if (size >= 1e7 || size < 1e-4) return minus(n.toExponential(2).replace("e+", "e"));
  if (size >= 1000) return minus(group(n, 0));
  const digits = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return minus(trimZeros(n.toFixed(Math.min(digits, 4))));
}

/** The same for a column of a table: every fraction keeps its four digits, so that the points stand under each other. */
export function cell(value: Num | null | undefined): string {
  const n = num(value);
  const size = Math.abs(n);
  if (!Number.isFinite(n) || Number.isInteger(n) || size >= 1000 || size < 1e-4) return metric(value);
  return minus(n.toFixed(Math.min(4, Math.max(0, 3 - Math.floor(Math.log10(size))))));
}

/** The same with a plus sign: a difference. */
export function signed(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  return value > 0 ? `+${cell(value)}` : cell(value);
}

const trimZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const minus = (text: string): string => text.replace("-", "−");

function group(n: number, decimals: number): string {
  return n.toLocaleString(LOCALE, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replaceAll(",", "\u202f");
}

/** A count in full: `8 760`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : minus(group(value, 0));
}

/** A count in little room: `812`, `12.4k`, `3.1M`. */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  if (value < 10_000) return count(value);
  const [divisor, unit] = value < 1e6 ? [1e3, "k"] : value < 1e9 ? [1e6, "M"] : [1e9, "G"];
  const scaled = value / (divisor as number);
  return `${trimZeros(scaled.toFixed(scaled < 100 ? 1 : 0))}${unit}`;
}

/** A fraction as per cent: `0.1` is `10 %`. */
export function percent(fraction: number | null | undefined, decimals = 0): string {
  if (fraction === null || fraction === undefined) return DASH;
  const scaled = fraction * 100;
  const shown = decimals === 0 && scaled > 0 && scaled < 1 ? scaled.toFixed(1) : trimZeros(scaled.toFixed(decimals));
  return `${shown}\u202f%`;
}

/** Bytes in powers of 1024: `798 KiB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = "B";
  for (const next of units) {
    if (scaled < 1024) break;
    scaled /= 1024;
    unit = next;
  }
  return `${trimZeros(scaled.toFixed(scaled < 10 ? 1 : 0))} ${unit}`;
}

/** A latency given in microseconds: `120 µs`, `1.4 ms`, `2.1 s`. */
export function micros(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1e6) return `${trimZeros((value / 1000).toFixed(value < 1e5 ? 1 : 0))} ms`;
  return `${trimZeros((value / 1e6).toFixed(1))} s`;
}

/** A length of time in milliseconds: `840 ms`, `4.2 s`, `3m 20s`, `2h 05m`, `4d 3h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return DASH;
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${trimZeros(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  const pad = (n: number): string => String(n).padStart(2, "0");
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** The time between two moments, or until now while the second is missing. */
export function elapsed(from: string | null, to: string | null, now: number = Date.now()): string {
  if (from === null) return DASH;
  return duration((to === null ? now : Date.parse(to)) - Date.parse(from));
}

const DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };

/** `4 Mar 2012` in UTC. */
export function date(at: string | number): string {
  return new Date(at).toLocaleDateString(LOCALE, DATE);
}

/** `05:00` in UTC. */
export function clock(at: string | number, seconds = false): string {
  return new Date(at).toLocaleTimeString(LOCALE, seconds ? { ...CLOCK, second: "2-digit" } : CLOCK);
}

/** `4 Mar 2012, 05:00` in UTC: event time. */
export function moment(at: string | number): string {
  return `${date(at)}, ${clock(at)}`;
}

/** `just now`, `40 s ago`, `3 min ago`, `2 h ago`, `5 days ago`, then the date. */
export function relative(at: string, now: number = Date.now()): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (Number.isNaN(seconds)) return DASH;
  if (seconds < -5) return moment(at);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86_400);
  return days < 14 ? `${days} ${days === 1 ? "day" : "days"} ago` : date(at);
}

/** The first characters of a digest or a long id, enough to tell two apart. */
export function short(id: string, length = 10): string {
  const [scheme, rest] = id.includes(":") ? id.split(":", 2) : ["", id];
  const body = (rest ?? "").slice(0, length);
  return scheme === "" ? body : `${scheme}:${body}`;
}

/** Any JSON value in a table cell. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return DASH;
  if (typeof value === "number") return metric(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.length === 1) return plain(value[0]);
  return JSON.stringify(value);
}

/** `run_started` reads `run started`. */
export const words = (name: string): string => name.replaceAll("_", " ");
