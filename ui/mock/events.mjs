/** The feed: what the lap did, as events and as the audit trail. */
import { day, iso, wallMs } from "./clock.mjs";

export function eventsOf({ pipelineRuns, releases, gates }) {
  const rel = (i) => ({ kind: "release", name: releases[i].id });
  const run = (i) => ({ kind: "pipeline_run", name: pipelineRuns[i].id });
  const byRun = (i) => ({ kind: "pipeline_run", id: pipelineRuns[i].id, summary: `train #${i + 1}` });
  const alarm = { kind: "alert", id: "AL1", summary: "wape 0.471 over 0.35" };
  const rows = [
    [day(1, 1) - 9e7, "project.applied", { kind: "project", name: "bikes" }, null, "project bikes applied: 6 created"],
    [day(1, 1) - 8.8e7, "data.version_created", { kind: "dataset_version", name: "bikes@1" }, null, "bikes@1: 8 645 rows, every check passed"],
    [day(1, 1) - 8.6e7, "pipelines.run_created", run(0), null, "train #1 created: first lap"], [day(1, 1) - 5e7, "registry.gate_decided", { kind: "gate_decision", name: gates[0].id }, byRun(0), "gate passed for train #1: wape 0.236"],
    [day(1, 1) - 4.9e7, "registry.version_registered", { kind: "model_version", name: "bikes/1" }, byRun(0), "bikes/1 registered and signed"], [day(1, 1) - 4.8e7, "registry.alias_moved", { kind: "model", name: "bikes" }, byRun(0), "champion of bikes is now bikes/1"],
    [day(1, 1) - 4.7e7, "serving.model_loaded", { kind: "deployment", name: "bikes" }, null, "bikes/1 loaded in 41 ms, digest verified"], [day(2, 28), "monitoring.drift_detected", { kind: "monitor", name: "bikes" }, null, "drift in hr (psi 0.31 over 0.12) and prediction"],
    [day(3, 4), "monitoring.alert_pending", { kind: "alert", name: "AL1" }, null, "bikes-error pending: wape 0.361 over 0.35"], [day(3, 12), "monitoring.alert_fired", { kind: "alert", name: "AL1" }, null, "bikes-error fired: wape 0.471 over 0.35 in 3 windows"],
    [day(3, 12, 4), "data.version_created", { kind: "dataset_version", name: "bikes@2" }, alarm, "bikes@2: 10 253 rows, every check passed"], [day(3, 12, 5), "pipelines.run_created", run(1), alarm, "train #2 created: alert bikes-error"],
    [day(3, 12, 7), "registry.gate_decided", { kind: "gate_decision", name: gates[1].id }, byRun(1), "gate passed for train #2: mae 31.8 against 74.6"], [day(3, 12, 8), "registry.version_registered", { kind: "model_version", name: "bikes/2" }, byRun(1), "bikes/2 registered and signed"],
    [day(3, 13, 5), "serving.release_started", rel(0), byRun(1), "bikes/2 released to 10 %"], [day(3, 14, 23), "serving.release_stepped", rel(0), null, "bikes/2 stepped to 50 % after 50 paired predictions"],
    [day(3, 17, 5), "serving.release_promoted", rel(0), null, "bikes/2 promoted to 100 % after 118 paired predictions"], [day(3, 21), "monitoring.alert_resolved", { kind: "alert", name: "AL1" }, null, "bikes-error resolved: wape 0.29"],
    [day(4, 9, 7), "pipelines.run_created", run(2), null, "train #3 created: spoiled on purpose"], [day(4, 9, 9), "registry.gate_decided", { kind: "gate_decision", name: gates[2].id }, byRun(2), "gate refused train #3: wape 0.811 over 0.3"],
    [day(4, 9, 9.1), "pipelines.run_finished", run(2), null, "train #3 refused by the gate"], [day(4, 21, 3), "pipelines.run_created", run(3), null, "train #4 created: trained on a quiet month"],
    [day(4, 21, 6), "serving.release_started", rel(1), byRun(3), "bikes/3 released to 10 %"], [day(4, 27, 20), "serving.release_rolled_back", rel(1), null, "bikes/3 rolled back: worse by 39.5 [2.8, 76.2]"],
    [day(5, 2, 23), "data.checks_failed", { kind: "dataset", name: "bikes" }, { kind: "user", id: "local", summary: "pitcrew data" }, "bikes: 1 check failed (temp 30.1 % nulls); nothing stored"],
    [day(5, 24, 3), "pipelines.run_created", run(4), { kind: "schedule", id: "weekly", summary: "every Thursday" }, "train #5 created: every Thursday"], [day(5, 24, 4), "registry.version_registered", { kind: "model_version", name: "bikes/4" }, byRun(4), "bikes/4 registered and signed"],
    [day(6, 8, 6), "serving.release_started", rel(2), byRun(4), "bikes/4 released to 10 %"], [day(6, 12, 18), "serving.release_stepped", rel(2), null, "bikes/4 stepped to 50 % after 84 paired predictions"],
    [day(6, 17), "monitoring.alert_pending", { kind: "alert", name: "AL2" }, null, "bikes-error pending: wape 0.352 over 0.35"], [day(6, 17, 20), "pipelines.run_started", run(5), { kind: "user", id: "local", summary: "started by local" }, "train #6 started: more iterations"],
  ];
  return rows.map(([at, name, subject, cause, summary], i) => ({ seq: i + 1, id: `ev_${String(i + 1).padStart(6, "0")}`, name, subject, at: iso(Math.min(wallMs(at), Date.now())), actor: "local", cause, summary, data: {} }));
}

export const auditOf = (rng, events) => events
  .filter((event) => !event.name.startsWith("monitoring") && !event.name.includes("loaded"))
  .map((event, i) => ({ seq: i + 1, at: event.at, actor: event.actor, action: event.name.replace(".", ":"), subject: `${event.subject.kind} ${event.subject.name}`, detail: event.summary, hash: rng.digest() }))
  .toReversed();
