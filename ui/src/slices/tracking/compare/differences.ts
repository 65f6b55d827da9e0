/** What runs have in common and what not, row by row. */
import type { Run } from "../../../api/tracking";
import { cell, elapsed, moment } from "../../../kit/format";
import { ofMachine } from "../../../kit/metricOrder";
import { NOTE_TAG } from "../queries";

export interface DiffRow {
  key: string;
  /** One for each run; `null` where it has none. */
  values: (string | null)[];
  differs: boolean;
}

export interface DiffSection {
  title: "Parameters" | "Metrics" | "Tags" | "Environment";
  rows: DiffRow[];
}

/** Tags that tell of the world a run was in rather than of what somebody wanted to say about it. */
const isEnvironment = (key: string): boolean => (key.startsWith("mlflow.") || key.startsWith("pitcrew.")) && !HIDDEN.has(key);
/** Said elsewhere on the page, or too long for a table. */
const HIDDEN: ReadonlySet<string> = new Set([NOTE_TAG, "mlflow.runName", "mlflow.log-model.history", "mlflow.user", "mlflow.parentRunId"]);

export function differences(runs: Run[]): DiffSection[] {
  const keys = (of: (run: Run) => string[]) => [...new Set(runs.flatMap(of))].toSorted((a, b) => a.localeCompare(b));
  const row = (key: string, value: (run: Run) => string | null | undefined): DiffRow => {
    const values = runs.map((run) => value(run) ?? null);
    return { key, values, differs: new Set(values).size > 1 };
  };
  const tags = keys((run) => Object.keys(run.tags)).filter((key) => !HIDDEN.has(key));
  return [
    { title: "Parameters" as const, rows: keys((run) => Object.keys(run.params)).map((key) => row(key, (run) => run.params[key])) },
    // What the machine did last differs always, and says nothing about the runs.
    { title: "Metrics" as const, rows: keys((run) => Object.keys(run.metrics).filter((key) => !ofMachine(key))).map((key) => row(key, (run) => (run.metrics[key] === undefined ? null : cell(run.metrics[key].value)))) },
    { title: "Tags" as const, rows: tags.filter((key) => !isEnvironment(key)).map((key) => row(key, (run) => run.tags[key])) },
    { title: "Environment" as const, rows: [
      row("status", (run) => run.status.toLowerCase()), row("started", (run) => moment(run.started_at)), row("took", (run) => (run.ended_at === null ? null : elapsed(run.started_at, run.ended_at))),
      row("user", (run) => run.user || null), row("experiment", (run) => run.experiment), row("pipeline step", (run) => run.pipeline_run?.step),
      ...tags.filter(isEnvironment).map((key) => row(key, (run) => run.tags[key])),
    ].filter((each) => each.values.some((value) => value !== null)) },
  ].filter((section) => section.rows.length > 0);
}
