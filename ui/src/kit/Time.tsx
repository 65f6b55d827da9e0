import { type ReactNode, useSyncExternalStore } from "react";
import { elapsed, moment, relative } from "./format";

/** One clock for the whole page: relative times move together and cost one timer. */
const TICK_MS = 1000;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

function useClock<T extends string>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(now));
}

/** A moment of wall time, as distance from now; the full time on hover. */
export function Ago({ at }: { at: string }): ReactNode {
  const words = useClock((clock) => relative(at, Math.max(clock, Date.parse(at) || 0)));
  return <time className="nowrap" dateTime={at} title={`${moment(at)} UTC`}>{words}</time>;
}

/** A moment of event time: when it happened in the world the model predicts. */
export function EventTime({ at }: { at: string }): ReactNode {
  return <time className="nowrap event-time" dateTime={at} title={`Event time: ${moment(at)} UTC`}>{moment(at)}</time>;
}

/** How long something took, or has been taking. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }): ReactNode {
  const words = useClock((clock) => elapsed(from, to, clock));
  return <span className="nowrap">{words}</span>;
}
