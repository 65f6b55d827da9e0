import type { Drift, MonitorWindow, Objective } from "../../api/monitoring";
import { metric } from "../../kit/format";

/** `wape at most 0.35`. */
export function boundWords(objective: Objective): string {
  if (objective.max !== undefined && objective.max !== null) return `${objective.metric} at most ${metric(objective.max)}`;
  if (objective.min !== undefined && objective.min !== null) return `${objective.metric} at least ${metric(objective.min)}`;
  return objective.metric;
}

export const driftedOf = (window: MonitorWindow | null): string[] =>
  window === null ? [] : window.drift.filter((each) => each.verdict === "drifted").map((each) => each.feature);

/** How much of its threshold a drift value is; the worst first. */
export const driftRatio = (drift: Drift): number => (drift.value === null || !drift.threshold ? -1 : drift.value / drift.threshold);
