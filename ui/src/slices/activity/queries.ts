import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { AuditEntry, Event } from "../../api/activity";
import { get } from "../../api/client";
import type { Page } from "../../api/shapes";
import { isQuiet } from "../../live/invalidation";

/** Quiet events are taken out here, so more are asked for than are shown. */
const SPARE = 8;
const MOST = 1000;

/** The last `n` events that are news, newest first. */
export const latestEvents = (n: number) =>
  queryOptions({
    queryKey: ["events", "latest", n],
    queryFn: async ({ signal }) => {
      const { items } = await get<Page<Event>>("/events", { latest: Math.min(n * SPARE, MOST) }, signal);
      return items.filter((event) => !isQuiet(event.name)).toSorted((a, b) => b.seq - a.seq).slice(0, n);
    },
  });

const AUDIT_PAGE = 200;

export const audit = () =>
  infiniteQueryOptions({
    queryKey: ["audit"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => get<Page<AuditEntry>>("/audit", { limit: AUDIT_PAGE, page: pageParam }, signal),
    getNextPageParam: (page) => page.next ?? undefined,
  });

