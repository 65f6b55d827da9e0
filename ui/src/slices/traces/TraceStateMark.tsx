import type { ReactNode } from "react";
import type { TraceState } from "../../api/traces";
import { State } from "../../kit/State";

const WORDS: Record<TraceState, [string, string]> = { OK: ["ok", "ok"], ERROR: ["error", "error"], IN_PROGRESS: ["running", "running"], STATE_UNSPECIFIED: ["unknown", "not said"] };

/** How far a trace is, in a word. */
export function TraceStateMark({ state }: { state: TraceState }): ReactNode {
  const [tone, label] = WORDS[state] ?? ["unknown", state];
  return <State of={tone} label={label} />;
}
