import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { AuditEntry, Event } from "../../api/activity";
import { get } from "../../api/client";
import type { Page } from "../../api/shapes";
import { isQuiet } from "../../live/invalidation";
import { isDetail } from "./feedLook";

/** Quiet events, and details where only news are wanted, are taken out here, so more are asked for than are shown. */
const SPARE = 25;
const MOST = 1000;

/** The last `n` events, newest first. */
export const latestEvents = (n: number, details = true) =>
  queryOptions({
    queryKey: ["events", "latest", n, details],
    queryFn: async ({ signal }) => {
      const { items } = await get<Page<Event>>("/events", { latest: Math.min(n * SPARE, MOST) }, signal);
      return items.filter((event) => !isQuiet(event.name) && (details || !isDetail(event.name))).toSorted((a, b) => b.seq - a.seq).slice(0, n);
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

