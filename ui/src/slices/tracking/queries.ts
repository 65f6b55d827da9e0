import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, getBlob, getHead, list, seg, url } from "../../api/client";
import { isNotFound } from "../../api/problem";
import type { Page } from "../../api/shapes";
import type { Artifact, Experiment, MetricSeries, Retention, Run, RunColumns, SavedView } from "../../api/tracking";
import type { Ask, Source } from "./table/pages";
import { quoted } from "./table/view";

/** A run in work is asked for again this often: its metrics are no events. */
export const ACTIVE_MS = 2000;
/** The runs from which a table guesses its first columns, with all their keys. */
const SAMPLE = 20;

/** Where MLflow keeps the note of a run, and so do we. */
export const NOTE_TAG = "mlflow.note.content";

/** Which runs a table is over. */
export interface RunScope {
  experiment?: string | undefined;
  filter?: string | undefined;
  order_by?: string | undefined;
  view?: "active" | "deleted" | undefined;
}

export const experiments = () =>
  queryOptions({ queryKey: ["experiments"], queryFn: ({ signal }) => list<Experiment>("/experiments", {}, signal) });

/** A run of which only parts were asked for, with the others empty. */
const whole = (run: Run): Run => ({ ...run, metrics: run.metrics ?? {}, params: run.params ?? {}, tags: run.tags ?? {}, pipeline_run: run.pipeline_run ?? null });

/** The calls behind one table. A server that cannot count says so with a 404, and the table grows as one scrolls. */
export const runSource = (scope: RunScope): Source => ({
  load: async (ask: Ask, signal) => {
    const page = await get<Page<Run>>("/runs", { ...scope, ...ask }, signal);
    return { items: page.items.map(whole), next: page.next };
  },
  count: (signal) => get<{ count: number }>("/runs/count", { experiment: scope.experiment, filter: scope.filter, view: scope.view }, signal).then(({ count }) => count).catch(orNull),
});

/** For calls that an older server does not have. */
function orNull(error: unknown): null {
  if (isNotFound(error)) return null;
  throw error;
}

export const runSample = (scope: RunScope) =>
  queryOptions({
    queryKey: ["experiments", "sample", scope],
    queryFn: async ({ signal }) => (await get<Page<Run>>("/runs", { ...scope, limit: SAMPLE }, signal)).items.map(whole),
    placeholderData: keepPreviousData,
    // They say where to begin; what begins after that changes nothing about it, however often something does.
    enabled: (query) => (query.state.data?.length ?? 0) === 0,
  });

/** The keys of an experiment's runs; `null` from a server that cannot list them. */
export const runColumns = (experimentId: string | undefined) =>
  queryOptions({
    queryKey: ["experiments", experimentId, "columns"],
    queryFn: ({ signal }) => get<RunColumns>(`/experiments/${seg(experimentId ?? "")}/columns`, {}, signal).catch(orNull),
    enabled: experimentId !== undefined,
  });

/** The named views of an experiment; `null` from a server that keeps none. */
export const savedViews = (experimentId: string | undefined) =>
  queryOptions({
    queryKey: ["experiments", experimentId, "views"],
    queryFn: async ({ signal }) => {
      const answer = await get<{ items: unknown[] }>(`/experiments/${seg(experimentId ?? "")}/views`, {}, signal).catch(orNull);
      return answer === null ? null : answer.items.map(readSaved).filter((view) => view !== null);
    },
    enabled: experimentId !== undefined,
  });

/** A view as it was kept, with its document inside an envelope or beside its name. */
function readSaved(item: unknown): SavedView | null {
  const { name, search, view, document } = item as { name?: unknown; search?: unknown; view?: unknown; document?: unknown };
  const inner = (typeof document === "object" && document !== null ? document : typeof view === "object" && view !== null ? view : {}) as { search?: unknown };
  const found = search ?? inner.search;
  return typeof name === "string" && typeof found === "string" ? { name, search: found } : null;
}

/** Renewed whenever something happened to runs. */
export const runBeat = () => queryOptions({ queryKey: ["runs", "beat"], queryFn: () => Date.now(), staleTime: Number.POSITIVE_INFINITY });

/** The newest runs, for the palette. */
export const recentRuns = () =>
  queryOptions({ queryKey: ["runs", "recent"], queryFn: async ({ signal }) => (await get<Page<Run>>("/runs", { limit: 50, fields: "name,status,experiment,started_at" }, signal)).items });

const active = (run: Run | undefined): boolean => run?.status === "RUNNING";

export const run = (id: string) =>
  queryOptions({
    queryKey: ["runs", id],
    queryFn: ({ signal }) => get<Run>(`/runs/${seg(id)}`, {}, signal),
    refetchInterval: (query) => (active(query.state.data) ? ACTIVE_MS : false),
  });

/** Some runs by their ids, in that order, with everything; those that are gone are left out. */
export const runsByIds = (ids: string[]) =>
  queryOptions({
    queryKey: ["runs", "compare", ids],
    queryFn: async ({ signal }) => {
      const filter = `attributes.run_id IN (${ids.map(textOf).join(", ")})`;
      const { items } = await get<Page<Run>>("/runs", { filter, limit: 1000, view: "all" }, signal);
      const found = new Map(items.map((each) => [each.run_id, whole(each)]));
      return ids.map((id) => found.get(id)).filter((each) => each !== undefined);
    },
    enabled: ids.length > 0,
    refetchInterval: (query) => (query.state.data?.some((each) => each.status === "RUNNING") ? ACTIVE_MS * 2 : false),
  });

export const metricSeries = (id: string, key: string, live: boolean) =>
  queryOptions({
    queryKey: ["runs", id, "metrics", key],
    queryFn: ({ signal }) => get<MetricSeries>(`/runs/${seg(id)}/metrics/${seg(key)}`, { max_points: 1000 }, signal),
    refetchInterval: live ? ACTIVE_MS : false,
  });

export const artifacts = (id: string, path: string) =>
  queryOptions({
    queryKey: ["runs", id, "artifacts", path],
    queryFn: ({ signal }) => list<Artifact>(`/runs/${seg(id)}/artifacts`, path === "" ? {} : { path }, signal),
  });

export const artifactContent = (id: string, path: string) => getBlob(`/runs/${seg(id)}/artifacts/content`, { path });

export const artifactAddress = (id: string, path: string): string => url(`/runs/${seg(id)}/artifacts/content`, { path });

/** The beginning of an artifact. Only what is looked at is kept, and not for long: a file may be large. */
export const artifactHead = (id: string, path: string, most: number) =>
  queryOptions({
    queryKey: ["runs", id, "artifact", path, most],
    queryFn: ({ signal }) => getHead(`/runs/${seg(id)}/artifacts/content`, { path }, most, signal),
    gcTime: 30_000,
    structuralSharing: false,
  });

/** Nested runs that one page shows; the table of runs shows the others. */
const CHILDREN = 50;
export const PARENT_TAG = "mlflow.parentRunId";

const textOf = (value: string): string => `'${value.replaceAll("'", "''")}'`;
/** The filters that find what belongs to a run. */
export const childFilter = (id: string): string => `tags.${quoted(PARENT_TAG)} = ${textOf(id)}`;
export const traceFilter = (id: string): string => `run_id = ${textOf(id)}`;

/** The runs inside a run, the newest first, and whether there are more. */
export const childRuns = (id: string) =>
  queryOptions({
    queryKey: ["runs", id, "children"],
    queryFn: async ({ signal }) => {
      const page = await get<Page<Run>>("/runs", { filter: childFilter(id), limit: CHILDREN }, signal);
      return { runs: page.items.map(whole), more: page.next !== null };
    },
  });

/** How long an experiment's runs are kept; `null` while nobody made a rule. */
export const retention = (experimentId: string) =>
  queryOptions({ queryKey: ["experiments", experimentId, "retention"], queryFn: ({ signal }) => get<Retention>(`/experiments/${seg(experimentId)}/retention`, {}, signal).catch(orNull) });
