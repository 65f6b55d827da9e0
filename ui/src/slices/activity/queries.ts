import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { AuditEntry, Event } from "../../api/activity";
import { get } from "../../api/client";
import type { Page } from "../../api/shapes";

export const latestEvents = (n: number) =>
  queryOptions({
    queryKey: ["events", "latest", n],
    queryFn: async ({ signal }) => (await get<Page<Event>>("/events", { latest: n }, signal)).items.toSorted((a, b) => b.seq - a.seq),
  });

const AUDIT_PAGE = 200;

export const audit = () =>
  infiniteQueryOptions({
    queryKey: ["audit"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => get<Page<AuditEntry>>("/audit", { limit: AUDIT_PAGE, page: pageParam }, signal),
    getNextPageParam: (page) => page.next ?? undefined,
  });

