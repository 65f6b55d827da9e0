import { queryOptions } from "@tanstack/react-query";
import { get, list, put, remove, seg } from "../../api/client";
import type { AliasMove, GateDecision, Model, ModelVersion, Webhook } from "../../api/registry";

export const models = () => queryOptions({ queryKey: ["models"], queryFn: ({ signal }) => list<Model>("/models", {}, signal) });

export const model = (name: string) =>
  queryOptions({ queryKey: ["models", name], queryFn: ({ signal }) => get<Model>(`/models/${seg(name)}`, {}, signal) });

export const modelVersions = (name: string) =>
  queryOptions({
    queryKey: ["models", name, "versions"],
    queryFn: async ({ signal }) =>
      (await list<ModelVersion>(`/models/${seg(name)}/versions`, {}, signal)).toSorted((a, b) => b.version - a.version),
  });

export const modelVersion = (name: string, version: string) =>
  queryOptions({
    queryKey: ["models", name, "versions", version],
    queryFn: ({ signal }) => get<ModelVersion>(`/models/${seg(name)}/versions/${seg(version)}`, {}, signal),
  });

export const aliasHistory = (name: string) =>
  queryOptions({
    queryKey: ["models", name, "alias-history"],
    queryFn: async ({ signal }) =>
      (await list<AliasMove>(`/models/${seg(name)}/alias-history`, {}, signal)).toSorted((a, b) => b.at.localeCompare(a.at)),
  });

export const gateDecisions = (name?: string) =>
  queryOptions({
    queryKey: ["gate-decisions", { model: name }],
    queryFn: async ({ signal }) =>
      (await list<GateDecision>("/gate-decisions", { model: name }, signal)).toSorted((a, b) => b.at.localeCompare(a.at)),
  });

export const gateDecision = (id: string) =>
  queryOptions({ queryKey: ["gate-decisions", id], queryFn: ({ signal }) => get<GateDecision>(`/gate-decisions/${seg(id)}`, {}, signal) });

export const pointAlias = (name: string, alias: string, version: number, reason: string) => put<unknown>(`/models/${seg(name)}/aliases/${seg(alias)}`, { version, reason });
export const removeAlias = (name: string, alias: string) => remove(`/models/${seg(name)}/aliases/${seg(alias)}`);

/** A delivery makes no event, so the last failures are asked for. */
const WEBHOOKS_MS = 10_000;

export const webhooks = () => queryOptions({ queryKey: ["webhooks"], queryFn: ({ signal }) => list<Webhook>("/webhooks", {}, signal), refetchInterval: WEBHOOKS_MS });
