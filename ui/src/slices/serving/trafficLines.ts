import type { TrafficPoint } from "../../api/serving";
import type { Line } from "../../kit/chart/Series";
import { armColour } from "./Arms";

export interface TrafficLines {
  times: number[];
  requests: Line[];
  latency: Line[];
}

/** Points of both arms onto one row of seconds; a second without a point of an arm is zero requests and no latency. Requests are those that callers got an answer to, latencies those of unseen ones too. */
export function trafficLines(points: TrafficPoint[]): TrafficLines {
  const times = [...new Set(points.map((point) => Date.parse(point.at)))].toSorted((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const arms = [...new Set(points.map((point) => point.arm))];
  const requests: Line[] = [];
  const latency: Line[] = [];
  for (const arm of arms) {
    const counts = times.map(() => 0);
    const p50 = times.map(() => Number.NaN);
    const p99 = times.map(() => Number.NaN);
    for (const point of points) {
      const index = point.arm === arm ? place.get(Date.parse(point.at)) : undefined;
      if (index === undefined) continue;
      counts[index] = point.requests;
      if (point.requests + point.unseen === 0) continue;
      p50[index] = point.p50_us;
      p99[index] = point.p99_us;
    }
    requests.push({ key: arm, label: arm, color: armColour(arm), values: counts, area: true });
    latency.push({ key: `${arm} p99`, label: `${arm} p99`, color: armColour(arm), values: p99 });
    latency.push({ key: `${arm} p50`, label: `${arm} p50`, color: armColour(arm), values: p50, dashed: true });
  }
  return { times, requests, latency };
}
