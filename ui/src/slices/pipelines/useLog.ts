import { useEffect, useState } from "react";
import { seg, url } from "../../api/client";
import type { LogLine } from "../../api/pipelines";
import { type StreamState, openStream } from "../../live/stream";

/** Lines kept in the page; the whole log of a step is one link away. */
export const MAX_LINES = 5000;
/** Lines arrive faster than a screen shows them; they are added once per frame at most. */
const FLUSH_MS = 80;

export interface Log {
  lines: LogLine[];
  state: StreamState;
  /** Whether lines were left out at the beginning. */
  cut: boolean;
}

function parse(data: string): LogLine | null {
  try {
    return JSON.parse(data) as LogLine;
  } catch {
    return null;
  }
}

/**
 * The log of a run as it is written. A reconnected stream without ids begins again, so the lines do too. The component that uses it
 * must be made anew for another run or step (`key`). With a step only its lines are kept, so that a talkative neighbour takes none of their room.
 */
export function useLog(runId: string, step: string | null = null): Log {
  const [log, setLog] = useState<Log>({ lines: [], state: "connecting", cut: false });
  useEffect(() => {
    let pending: LogLine[] = [];
    let sawId = false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const flush = () => {
      timer = null;
      const more = pending;
      pending = [];
      setLog((old) => {
        const lines = [...old.lines, ...more];
        return { ...old, lines: lines.slice(-MAX_LINES), cut: old.cut || lines.length > MAX_LINES };
      });
    };
    const close = openStream({
      url: url(`/pipeline-runs/${seg(runId)}/log/stream`),
      endEvent: "end",
      onState: (state) => setLog((old) => ({ ...old, state })),
      onResume: () => {
        if (sawId) return;
        pending = [];
        setLog((old) => ({ ...old, lines: [], cut: false }));
      },
      onMessage: (message) => {
        sawId ||= message.id !== null;
        const line = parse(message.data);
        if (line === null || (step !== null && line.step !== step)) return;
        pending.push(line);
        timer ??= setTimeout(flush, FLUSH_MS);
      },
    });
    return () => {
      close();
      if (timer !== null) clearTimeout(timer);
    };
  }, [runId, step]);
  return log;
}
