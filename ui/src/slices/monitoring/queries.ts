import { queryOptions } from "@tanstack/react-query";
import { get, list, seg } from "../../api/client";
import type { Alert, Monitor, MonitorWindow, Timeline } from "../../api/monitoring";

/** A closed window makes an event only when something is wrong, so the others are asked for. */
const WINDOW_MS = 2000;
/** All windows with the drift of every feature are much to send; the line itself comes from the timeline. */
const ALL_WINDOWS_MS = 10_000;

export const monitors = () =>
  queryOptions({ queryKey: ["monitors"], queryFn: ({ signal }) => list<Monitor>("/monitors", {}, signal), refetchInterval: WINDOW_MS });

export const windows = (name: string) =>
  queryOptions({
    queryKey: ["monitors", name, "windows"],
    queryFn: ({ signal }) => list<MonitorWindow>(`/monitors/${seg(name)}/windows`, {}, signal),
    refetchInterval: ALL_WINDOWS_MS,
  });

export const timeline = (monitor: string) =>
  queryOptions({
    queryKey: ["timeline", monitor],
    queryFn: ({ signal }) => get<Timeline>("/timeline", { monitor }, signal),
    refetchInterval: WINDOW_MS,
  });

export const alerts = (state?: string) =>
  queryOptions({ queryKey: ["alerts", { state }], queryFn: ({ signal }) => list<Alert>("/alerts", { state }, signal) });

export const alert = (id: string) =>
  queryOptions({ queryKey: ["alerts", id], queryFn: ({ signal }) => get<Alert>(`/alerts/${seg(id)}`, {}, signal) });

export interface AlertRule {
  name: string;
  monitor?: string;
  metric?: string;
  [key: string]: unknown;
}

export const alertRules = () =>
  queryOptions({ queryKey: ["alerts", "rules"], queryFn: ({ signal }) => list<AlertRule>("/alert-rules", {}, signal) });
