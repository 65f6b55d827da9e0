import { day, iso, wall, wallMs } from "./clock.mjs";
import { round } from "./random.mjs";

const SCHEMA = [
  ["ts", "timestamp"], ["season", "int"], ["hr", "int"], ["holiday", "bool"], ["weekday", "int"], ["workingday", "bool"],
  ["weathersit", "int"], ["temp", "float"], ["hum", "float"], ["windspeed", "float"], ["station_zone", "string"], ["cnt", "int"],
];

function histogram(rng, bins, low, high, shape) {
  const edges = Array.from({ length: bins + 1 }, (_, i) => round(low + ((high - low) * i) / bins));
  const counts = Array.from({ length: bins }, (_, i) => Math.max(0, Math.round(shape((i + 0.5) / bins) * 900 * (0.85 + 0.3 * rng.next()))));
  return { edges, counts };
}
const bell = (mid, width) => (x) => Math.exp(-(((x - mid) / width) ** 2) / 2);
const decay = (x) => Math.exp(-x * 4);

const NUMERIC = {
  season: [1, 4, 4, () => 1], hr: [0, 23, 24, () => 0.7], weekday: [0, 6, 7, () => 0.9], weathersit: [1, 4, 4, decay],
  temp: [0.02, 0.98, 20, bell(0.5, 0.2)], hum: [0, 1, 20, bell(0.64, 0.2)], windspeed: [0, 0.85, 18, (x) => bell(0.2, 0.16)(x)], cnt: [1, 970, 24, decay],
};

function column(rng, [name, type], rows, nulls) {
  const base = { name, type, count: rows, nulls };
  if (type === "timestamp") return { ...base, distinct: rows, min: "2011-01-01T00:00:00Z", max: "2011-12-31T23:00:00Z" };
  if (type === "bool") return { ...base, distinct: 2, top: [{ value: "false", count: Math.round(rows * 0.69) }, { value: "true", count: Math.round(rows * 0.31) }] };
  if (type === "string") return { ...base, distinct: 5, top: ["centre", "riverside", "campus", "harbour", "north"].map((value, i) => ({ value, count: Math.round(rows * [0.36, 0.24, 0.18, 0.14, 0.08][i]) })) };
  const [low, high, bins, shape] = NUMERIC[name];
  const mean = low + (high - low) * 0.42;
  return { ...base, distinct: type === "int" ? Math.min(rows, high - low + 1) : 50, min: low, max: high, mean: round(mean), std: round((high - low) * 0.21),
    quantiles: [[0.05, round(low + (high - low) * 0.06)], [0.5, round(mean)], [0.95, round(low + (high - low) * 0.86)]], histogram: histogram(rng, bins, low, high, shape) };
}

function checks(failed) {
  const check = (name, column, status, observed, expected, extra = {}) => ({ name, column, severity: "error", status, observed, expected, failing_rows: 0, samples: [], ...extra });
  const temp = failed
    ? check("temp nulls at most 5 %", "temp", "fail", "30.1 % (2 638 of 8 760)", "at most 5 %", { failing_rows: 2638, samples: [
        { row: 18, ts: "2012-05-02T18:00:00Z", temp: null, hum: 0.61, cnt: 214 }, { row: 19, ts: "2012-05-02T19:00:00Z", temp: null, hum: 0.63, cnt: 188 },
        { row: 23, ts: "2012-05-02T23:00:00Z", temp: null, hum: 0.7, cnt: 61 }] })
    : check("temp nulls at most 5 %", "temp", "pass", "0 %", "at most 5 %");
  return [
    check("at least 1000 rows", null, "pass", "8 645 rows", "at least 1000"),
    check("ts not null", "ts", "pass", "0 of 8 645", "no nulls"), check("ts unique", "ts", "pass", "0 duplicates", "unique"),
    check("cnt not null", "cnt", "pass", "0 of 8 645", "no nulls"), check("cnt in [0, 20000]", "cnt", "pass", "1 to 970", "0 to 20000"), temp,
    check("season one of 1, 2, 3, 4", "season", "pass", "0 other", "1, 2, 3, 4"),
    check("weathersit one of 1, 2, 3", "weathersit", "warn", "3 other", "1, 2, 3", { severity: "warn", failing_rows: 3,
      samples: [{ row: 586, ts: "2011-01-26T16:00:00Z", weathersit: 4 }, { row: 9124, ts: "2012-01-09T18:00:00Z", weathersit: 4 }] }),
  ];
}

export function dataWorld(rng) {
  const version = (n, rows, at, cause) => {
    const bytes = rows * 93;
    return { dataset: "bikes", version: n, ref: `bikes@${n}`, digest: rng.digest(), rows, bytes, new_bytes: n === 1 ? bytes : Math.round(bytes * 0.28),
      files: [{ path: "2011.csv", digest: rng.digest(), bytes: 803_985, rows: 8645 }, ...(n > 1 ? [{ path: "2012-live.csv", digest: rng.digest(), bytes: bytes - 803_985, rows: rows - 8645 }] : [])],
      schema: SCHEMA.map(([name, type]) => ({ name, type, nullable: ["hum", "windspeed"].includes(name) })),
      profile: { rows, columns: SCHEMA.map((each) => column(rng, each, rows, each[0] === "hum" ? 22 : 0)) },
      checks: checks(false), gate: "passed", created_at: at, created_by: "local", cause };
  };
  const versions = [
    version(1, 8645, iso(wallMs(day(1, 1)) - 60_000), null),
    version(2, 10_253, wall(day(3, 12, 4)), { kind: "alert", id: "AL1", summary: "wape 0.47 over 0.35" }),
    version(3, 12_101, wall(day(5, 24, 2)), { kind: "schedule", id: "weekly", summary: "every Thursday" }),
  ];
  const report = (at, version, rows, cause) => ({ id: rng.id("cr"), dataset: "bikes", at, actor: "local", cause, gate: version === null ? "failed" : "passed", rows, version, checks: checks(version === null) });
  const reports = [
    report(wall(day(5, 24, 2)), 3, 12_101, versions[2].cause), report(wall(day(5, 2, 23)), null, 8760, { kind: "user", id: "local", summary: "pitcrew data add" }),
    report(wall(day(3, 12, 4)), 2, 10_253, versions[1].cause), report(versions[0].created_at, 1, 8645, null),
  ];
  const stations = { name: "stations", description: "Where bicycles stand, one row a station", source: "stations.csv", versions: 0, latest: null };
  const bikes = { name: "bikes", description: "One row an hour; weather, calendar and the number of rentals", source: "data/*.csv", time: "ts", versions: 3, latest: versions[2] };
  return { datasets: [bikes, stations], versions, reports };
}
