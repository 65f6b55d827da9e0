/** What rules about runs said: of one run, and lately. */
import { queryOptions } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { Page } from "../../api/shapes";
import type { RunAlert } from "../../api/tracking";

/** One answer with the newest of them marks the runs of a table: those that fired long ago are found on their own pages. */
const NEWEST = 200;
/** That a webhook was told at last is no event. */
const UNTOLD_MS = 30_000;

const waits = (alerts: RunAlert[] | undefined): boolean => alerts?.some((each) => each.untold !== null) ?? false;

/** Those of one run; the newest of all without one. */
export const runAlerts = (runId?: string) =>
  queryOptions({
    queryKey: ["runs", "alerts", runId ?? null],
    queryFn: async ({ signal }) => (await get<Page<RunAlert>>("/run-alerts", { run_id: runId, limit: NEWEST }, signal)).items,
    refetchInterval: (query) => (waits(query.state.data) ? UNTOLD_MS : false),
  });

/** For each run that fired, all that is said of it, the newest first. */
export function marksOf(alerts: RunAlert[]): ReadonlyMap<string, string> {
  const marks = new Map<string, string>();
  for (const each of alerts) {
    const said = `${each.rule}: ${each.what}`;
    const before = marks.get(each.run_id);
    marks.set(each.run_id, before === undefined ? said : `${before}; ${said}`);
  }
  return marks;
}

/** The lines that make the first rule. A test holds them against `docs/pitcrew-yaml.md`. */
export const RULE_EXAMPLE = `run_alerts:
  diverged:
    metric: loss
    above: 10`;
