import { queryOptions } from "@tanstack/react-query";
import { get, list, post, seg } from "../../api/client";
import { type Pipeline, type PipelineRun, isActive } from "../../api/pipelines";

/** A run in work is asked for again this often, for its figures; its states come as events. */
const ACTIVE_MS = 2000;

export const pipelines = () =>
  queryOptions({ queryKey: ["pipelines"], queryFn: ({ signal }) => list<Pipeline>("/pipelines", {}, signal) });

export const pipeline = (name: string) =>
  queryOptions({ queryKey: ["pipelines", name], queryFn: ({ signal }) => get<Pipeline>(`/pipelines/${seg(name)}`, {}, signal) });

const newestFirst = (runs: PipelineRun[]) => runs.toSorted((a, b) => b.created_at.localeCompare(a.created_at));

export const pipelineRuns = (filter: { pipeline?: string; state?: string } = {}) =>
  queryOptions({
    queryKey: ["pipeline-runs", filter],
    queryFn: async ({ signal }) => newestFirst(await list<PipelineRun>("/pipeline-runs", { ...filter, limit: 200 }, signal)),
  });

export const pipelineRun = (id: string) =>
  queryOptions({
    queryKey: ["pipeline-runs", id],
    queryFn: ({ signal }) => get<PipelineRun>(`/pipeline-runs/${seg(id)}`, {}, signal),
    refetchInterval: (query) => (query.state.data !== undefined && isActive(query.state.data.state) ? ACTIVE_MS : false),
  });

export const startRun = (name: string, body: { params: Record<string, unknown>; reason: string; force: boolean }) =>
  post<PipelineRun>(`/pipelines/${seg(name)}/runs`, body);

export const cancelRun = (id: string, reason: string) => post<unknown>(`/pipeline-runs/${seg(id)}/cancel`, { reason });
