/** What a state means to the person who looks at it. Red is kept for what needs somebody; a gate or a canary that said no did its job. */
export type Tone = "good" | "warn" | "bad" | "busy" | "idle";

const TONES: Record<string, Tone> = {
  succeeded: "good", finished: "good", passed: "good", pass: "good", promoted: "good", serving: "good", ok: "good",
  resolved: "good", better: "good", no_worse: "good", stable: "good", delivered: "good", advance: "good", good: "good",
  running: "busy", releasing: "busy", loading: "busy", queued: "busy", retrying: "busy", info: "busy",
  refused: "warn", rolled_back: "warn", pending: "warn", warn: "warn", warning: "warn", drifted: "warn", worse: "warn",
  guardrail: "warn", aborted: "warn", expired: "warn",
  failed: "bad", fail: "bad", killed: "bad", firing: "bad", breach: "bad", bad: "bad", error: "bad",
};

export function toneOf(state: string): Tone {
  return TONES[state.toLowerCase()] ?? "idle";
}

const LABELS: Record<string, string> = { ok: "within objective", breach: "over objective", pass: "passed", warn: "warning", fail: "failed" };

/** The state in words. */
export function labelOf(state: string): string {
  return LABELS[state] ?? state.toLowerCase().replaceAll("_", " ");
}
