/** What rules about runs said. */
import { iso } from "./clock.mjs";

export function runAlertsOf(runs) {
  const alert = (run, rule, ago, what, untold = null) => ({ rule, run_id: run.run_id, run: run.name, experiment_id: run.experiment_id, at: iso(Date.now() - ago), what, untold });
  const failed = runs.find((run) => run.status === "FAILED");
  const working = runs.find((run) => run.status === "RUNNING");
  return [
    ...(working === undefined ? [] : [alert(working, "slow-start", 9000, "train_loss 406 is above 400")]),
    ...(failed === undefined ? [] : [alert(failed, "diverged", 610_000, "mae is not a number", "the webhook at `10.0.0.7` may not be called: its address is private")]),
    ...runs.filter((run) => run.experiment === "bikes-search" && run !== failed).slice(-3).map((run, i) => alert(run, "diverged", 700_000 + i * 9000, `mae ${run.metrics.mae.value} is above 30`)),
  ];
}

export const runAlertRoutes = (w) => [
  ["GET", "/run-alerts", ({ query }) => ({ items: w.runAlerts.filter((each) => !query.has("run_id") || each.run_id === query.get("run_id")), next: null })],
];
