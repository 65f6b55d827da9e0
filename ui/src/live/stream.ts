import { authHeaders } from "../api/token";
import { type SseMessage, sseParser } from "./parser";

export type StreamState = "connecting" | "open" | "waiting" | "closed";

export interface StreamOptions {
  url: string;
  onMessage: (message: SseMessage) => void;
  onState?: (state: StreamState) => void;
  /** Called when a connection stands again after one was lost: what was missed in between may have no event. */
  onResume?: () => void;
  /** A message of this event ends the stream for good. */
  endEvent?: string;
  /** Injected in tests. */
  fetch?: typeof fetch;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The first pause after a lost connection; it doubles up to the longest. */
export const FIRST_WAIT_MS = 500;
export const LONGEST_WAIT_MS = 15_000;
/** A server that sends nothing at all for this long is taken for gone (it should send comments to keep the line open). */
export const SILENCE_MS = 90_000;

export function backoff(failures: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures, 10), LONGEST_WAIT_MS);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

/**
 * Reads a stream of server-sent events and stays connected: after a failure it waits, a little longer each time, and asks to go on
 * after the last id it saw. Answers a function that closes it.
 */
export function openStream(options: StreamOptions): () => void {
  const closing = new AbortController();
  void run(options, closing.signal);
  return () => closing.abort();
}

async function run(options: StreamOptions, signal: AbortSignal): Promise<void> {
  const wait = options.wait ?? pause;
  let lastId: string | null = null;
  let failures = 0;
  let opened = false;
  while (!signal.aborted) {
    options.onState?.("connecting");
    const outcome = await connect(options, lastId, signal, () => {
      failures = 0;
      options.onState?.("open");
      if (opened) options.onResume?.();
      opened = true;
    });
    lastId = outcome.lastId ?? lastId;
    if (outcome.ended || signal.aborted) break;
    options.onState?.("waiting");
    await wait(outcome.retryMs ?? backoff(failures), signal);
    failures += 1;
  }
  options.onState?.("closed");
}

interface Outcome {
  lastId: string | null;
  retryMs: number | null;
  ended: boolean;
}

async function connect(options: StreamOptions, lastId: string | null, signal: AbortSignal, onOpen: () => void): Promise<Outcome> {
  const outcome: Outcome = { lastId, retryMs: null, ended: false };
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  signal.addEventListener("abort", stop, { once: true });
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream", ...authHeaders() };
    if (lastId !== null) headers["Last-Event-ID"] = lastId;
    const response = await (options.fetch ?? fetch)(options.url, { headers, signal: attempt.signal, cache: "no-store" });
    if (!response.ok || response.body === null) return outcome;
    onOpen();
    const parser = sseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      for (const message of parser.feed(value)) {
        if (message.id !== null) outcome.lastId = message.id;
        if (message.event === options.endEvent) {
          outcome.ended = true;
          attempt.abort();
          return outcome;
        }
        options.onMessage(message);
      }
    }
    outcome.retryMs = parser.retryMs();
  } catch {
    // A lost connection is the ordinary case here; the loop above connects again.
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
  }
  return outcome;
}
