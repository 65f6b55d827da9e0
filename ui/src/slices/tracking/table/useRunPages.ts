import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { type RunScope, runBeat, runSource } from "../queries";
import { type PagesNow, RunPages } from "./pages";

/** Events come in bursts; after one, what is in sight is asked for again when it has been quiet this long. */
const QUIET_MS = 250;

/** The rows behind the table, kept fresh: what is in sight is read again when something happened to runs. */
export function useRunPages(scope: RunScope, fields: string | undefined): { pages: RunPages; now: PagesNow; busy: boolean } {
  const key = JSON.stringify(scope);
  const first = useRef(fields);
  useEffect(() => {
    first.current = fields;
  }, [fields]);
  // The fields may change while the list stays; the list is another one only when its scope is.
  // oxlint-disable-next-line react/exhaustive-deps
  const pages = useMemo(() => new RunPages(runSource(scope), first.current), [key]);
  useEffect(() => {
    pages.open();
    return () => pages.close();
  }, [pages]);
  useEffect(() => pages.want(fields), [pages, fields]);
  const now = useSyncExternalStore(pages.subscribe, pages.snapshot);
  // While another list is on its way, the one before stays.
  const arrived = now.ready || now.error !== null;
  const [kept, setKept] = useState(now);
  if (arrived && kept !== now) setKept(now);
  const { dataUpdatedAt } = useQuery(runBeat());
  const seen = useRef(dataUpdatedAt);
  useEffect(() => {
    if (seen.current === dataUpdatedAt) return undefined;
    const initial = seen.current === 0;
    seen.current = dataUpdatedAt;
    if (initial) return undefined;
    const timer = setTimeout(() => pages.refresh(), QUIET_MS);
    return () => clearTimeout(timer);
  }, [pages, dataUpdatedAt]);
  return { pages, now: arrived ? now : kept, busy: !arrived };
}
