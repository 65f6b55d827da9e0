import type { Event } from "../../api/activity";
import type { IconName } from "../../kit/Icon";
import { pathOf } from "../../kit/links";
import type { Tone } from "../../kit/tone";

/** How an event is shown: its drawing and what it means. Unknown events get the drawing of their slice. */
export function lookOf(name: string): { icon: IconName; tone: Tone } {
  return BY_NAME[name] ?? { icon: BY_SLICE[name.split(".")[0] ?? ""] ?? "activity", tone: "idle" };
}

const BY_NAME: Record<string, { icon: IconName; tone: Tone }> = {
  "data.checks_failed": { icon: "data", tone: "warn" },
  "registry.gate_decided": { icon: "gate", tone: "idle" },
  "registry.alias_moved": { icon: "models", tone: "good" },
  "serving.release_started": { icon: "canary", tone: "busy" },
  "serving.release_stepped": { icon: "canary", tone: "busy" },
  "serving.release_promoted": { icon: "up", tone: "good" },
  "serving.release_rolled_back": { icon: "back", tone: "warn" },
  "monitoring.drift_detected": { icon: "drift", tone: "warn" },
  "monitoring.alert_pending": { icon: "alerts", tone: "warn" },
  "monitoring.alert_fired": { icon: "alerts", tone: "bad" },
  "monitoring.alert_resolved": { icon: "check", tone: "good" },
  "project.applied": { icon: "file", tone: "idle" },
};

const BY_SLICE: Record<string, IconName> = {
  data: "data", tracking: "runs", pipelines: "pipelines", registry: "models", serving: "deployments", monitoring: "monitors", project: "file",
};

/** The small steps of a larger act, whose beginning and end are events of their own: left out where there is room for news only. */
export const isDetail = (name: string): boolean => name.startsWith("pipelines.step_") || name.startsWith("tracking.") || name === "serving.model_loaded";

/** The page of what an event is about. */
export const pathOfEvent = (event: Event): string | null => pathOf(event.subject.kind, event.subject.name);

export type SliceFilter = "all" | "data" | "pipelines" | "tracking" | "registry" | "serving" | "monitoring";

export const inSlice = (event: Event, slice: SliceFilter): boolean => slice === "all" || event.name.startsWith(`${slice}.`);
