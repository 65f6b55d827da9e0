import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, createContext, useContext, useEffect, useState } from "react";
import type { Event } from "../api/activity";
import { url } from "../api/client";
import { type QueryRoot, staleAfter } from "./invalidation";
import { type StreamState, openStream } from "./stream";

const LiveState = createContext<StreamState>("connecting");

/** Whether the page is being kept up to date right now. */
export const useLiveState = (): StreamState => useContext(LiveState);

/** Events come in bursts (a pipeline step makes three); queries are refreshed once per burst. */
const GATHER_MS = 250;

/** Gathers stale query roots and refreshes them together. */
export function gatherer(client: Pick<QueryClient, "invalidateQueries">, gatherMs = GATHER_MS) {
  const stale = new Set<QueryRoot>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const flush = () => {
    timer = null;
    const roots = [...stale];
    stale.clear();
    for (const root of roots) void client.invalidateQueries({ queryKey: [root] });
  };
  return {
    add(roots: QueryRoot[]): void {
      for (const root of roots) stale.add(root);
      timer ??= setTimeout(flush, gatherMs);
    },
    stop(): void {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function parseEvent(data: string): Event | null {
  try {
    return JSON.parse(data) as Event;
  } catch {
    return null;
  }
}

/** Keeps every query of the application fresh from the server's event stream. */
export function LiveProvider({ children }: { children: ReactNode }): ReactNode {
  const client = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    const gather = gatherer(client);
    const close = openStream({
      url: url("/events/stream"),
      onState: setState,
      onMessage: (message) => {
        const event = parseEvent(message.data);
        if (event !== null) gather.add(staleAfter(event.name));
      },
      onResume: () => void client.invalidateQueries(),
    });
    return () => {
      close();
      gather.stop();
    };
  }, [client]);
  return <LiveState.Provider value={state}>{children}</LiveState.Provider>;
}
