import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, getBlob, getHead, list, seg, url } from "../../api/client";
import type { Page } from "../../api/shapes";
import type { Artifact, Experiment, MetricSeries, Run } from "../../api/tracking";

const PAGE = 100;
/** A run in work is asked for again this often: its metrics are no events. */
const ACTIVE_MS = 2000;

export interface RunFilter {
  experiment?: string;
  filter?: string;
  order_by?: string;
}

export const experiments = () =>
  queryOptions({ queryKey: ["experiments"], queryFn: ({ signal }) => list<Experiment>("/experiments", {}, signal) });

export const runs = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ["runs", "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => get<Page<Run>>("/runs", { ...filter, limit: PAGE, page: pageParam }, signal),
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** The newest runs, for the palette. */
export const recentRuns = () =>
  queryOptions({ queryKey: ["runs", "recent"], queryFn: async ({ signal }) => (await get<Page<Run>>("/runs", { limit: 50 }, signal)).items });

const active = (run: Run | undefined): boolean => run?.status === "RUNNING";

export const run = (id: string) =>
  queryOptions({
    queryKey: ["runs", id],
    queryFn: ({ signal }) => get<Run>(`/runs/${seg(id)}`, {}, signal),
    refetchInterval: (query) => (active(query.state.data) ? ACTIVE_MS : false),
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
