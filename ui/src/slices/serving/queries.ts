import { queryOptions } from "@tanstack/react-query";
import { get, list, post, seg } from "../../api/client";
import type { Deployment, Prediction, Release, TrafficPoint } from "../../api/serving";

/** Predictions make no events, so what counts them is asked for again. */
const TRAFFIC_MS = 1000;
const STATE_MS = 2000;
const PREDICTIONS_MS = 3000;
const TRAFFIC_POINTS = 120;
const PREDICTIONS = 50;

export const deployments = () =>
  queryOptions({ queryKey: ["deployments"], queryFn: ({ signal }) => list<Deployment>("/deployments", {}, signal), refetchInterval: STATE_MS });

export const deployment = (name: string) =>
  queryOptions({
    queryKey: ["deployments", name],
    queryFn: ({ signal }) => get<Deployment>(`/deployments/${seg(name)}`, {}, signal),
    refetchInterval: STATE_MS,
  });

export const traffic = (name: string) =>
  queryOptions({
    queryKey: ["deployments", name, "traffic"],
    queryFn: ({ signal }) => list<TrafficPoint>(`/deployments/${seg(name)}/traffic`, { points: TRAFFIC_POINTS, limit: undefined }, signal),
    refetchInterval: TRAFFIC_MS,
  });

export const predictions = (name: string, live: boolean) =>
  queryOptions({
    queryKey: ["deployments", name, "predictions"],
    queryFn: ({ signal }) => list<Prediction>(`/deployments/${seg(name)}/predictions`, { limit: PREDICTIONS }, signal),
    refetchInterval: live ? PREDICTIONS_MS : false,
  });

export const releases = (name?: string) =>
  queryOptions({
    queryKey: ["releases", { deployment: name }],
    queryFn: async ({ signal }) =>
      (await list<Release>("/releases", { deployment: name }, signal)).toSorted((a, b) => b.started_at.localeCompare(a.started_at)),
  });

export const release = (id: string) =>
  queryOptions({
    queryKey: ["releases", id],
    queryFn: ({ signal }) => get<Release>(`/releases/${seg(id)}`, {}, signal),
    refetchInterval: (query) => (query.state.data?.state === "running" ? STATE_MS : false),
  });

export const endRelease = (id: string, how: "promote" | "abort", reason: string) => post<Release>(`/releases/${seg(id)}/${how}`, { reason });
