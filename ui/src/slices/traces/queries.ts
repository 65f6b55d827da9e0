import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, seg } from "../../api/client";
import type { Page } from "../../api/shapes";
import type { Trace, WholeTrace } from "../../api/traces";

const PAGE = 50;
/** Traces make no events, so the newest are asked for. A reader who went on to older pages is left alone. */
const NEWEST_MS = 10_000;
/** A trace that goes on. */
const ACTIVE_MS = 2000;

export interface TraceFilter {
  experiment_id?: string;
  filter?: string;
  order_by?: string;
}

export const traces = (filter: TraceFilter) =>
  infiniteQueryOptions({
    queryKey: ["traces", "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => get<Page<Trace>>("/traces", { ...filter, limit: PAGE, page: pageParam }, signal),
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: (query) => (query.state.data?.pages.length === 1 ? NEWEST_MS : false),
  });

export const trace = (id: string) =>
  queryOptions({
    queryKey: ["traces", id],
    queryFn: ({ signal }) => get<WholeTrace>(`/traces/${seg(id)}`, {}, signal),
    refetchInterval: (query) => (query.state.data?.state === "IN_PROGRESS" ? ACTIVE_MS : false),
  });

/** The newest traces, of all or of those that a filter finds. */
export const newestTraces = (limit: number, filter?: string) =>
  queryOptions({ queryKey: ["traces", "newest", limit, filter ?? null], queryFn: ({ signal }) => get<Page<Trace>>("/traces", { filter, limit }, signal) });
