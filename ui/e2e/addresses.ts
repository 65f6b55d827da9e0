import type { Api } from "./fixtures";

type Item = Record<string, unknown>;

/** The address of one object of each kind, for what the server holds. */
export const PAGES: Record<string, (api: Api) => Promise<string>> = {
  overview: async () => "/",
  data: async () => "/data",
  "data set": async (api) => `/data/${(await api.first<Item>("/datasets"))["name"]}`,
  "data-set version": async (api) => {
    const dataset = await api.first<Item>("/datasets", (each) => each["latest"] !== null);
    return `/data/${dataset["name"]}/versions/${(dataset["latest"] as Item)["version"]}`;
  },
  "check reports": async (api) => `/data/${(await api.first<Item>("/datasets"))["name"]}/check-reports`,
  pipelines: async () => "/pipelines",
  pipeline: async (api) => `/pipelines/${(await api.first<Item>("/pipelines"))["name"]}`,
  "pipeline run": async (api) => `/pipeline-runs/${(await api.first<Item>("/pipeline-runs"))["id"]}`,
  runs: async () => "/runs",
  run: async (api) => `/runs/${(await api.first<Item>("/runs"))["run_id"]}`,
  comparison: async (api) => `/runs/compare?${(await api.list<Item>("/runs")).slice(0, 6).map((each) => `run=${each["run_id"]}`).join("&")}`,
  "comparison of parameters": async (api) => `/runs/compare?show=parameters&${(await api.list<Item>("/runs")).slice(0, 12).map((each) => `run=${each["run_id"]}`).join("&")}`,
  "comparison of differences": async (api) => `/runs/compare?show=differences&${(await api.list<Item>("/runs")).slice(0, 6).map((each) => `run=${each["run_id"]}`).join("&")}`,
  traces: async () => "/traces",
  trace: async (api) => `/traces/${(await api.first<Item>("/traces"))["trace_id"]}`,
  models: async () => "/models",
  model: async (api) => `/models/${(await api.first<Item>("/models"))["name"]}`,
  "model version": async (api) => {
    const model = await api.first<Item>("/models", (each) => each["latest"] !== null);
    return `/models/${model["name"]}/versions/${(model["latest"] as Item)["version"]}`;
  },
  "compared versions": async (api) => `/models/${(await api.first<Item>("/models", (each) => Number(each["versions"]) > 1))["name"]}/compare`,
  "model card": async (api) => {
    const model = await api.first<Item>("/models", (each) => each["latest"] !== null);
    return `/models/${model["name"]}/versions/${(model["latest"] as Item)["version"]}/card`;
  },
  "gate decision": async (api) => `/gate-decisions/${(await api.first<Item>("/gate-decisions"))["id"]}`,
  deployments: async () => "/deployments",
  deployment: async (api) => `/deployments/${(await api.first<Item>("/deployments"))["name"]}`,
  release: async (api) => `/releases/${(await api.first<Item>("/releases"))["id"]}`,
  monitors: async () => "/monitors",
  monitor: async (api) => `/monitors/${(await api.first<Item>("/monitors"))["name"]}`,
  alerts: async () => "/alerts",
  alert: async (api) => `/alerts/${(await api.first<Item>("/alerts"))["id"]}`,
  activity: async () => "/activity",
  audit: async () => "/audit",
  webhooks: async () => "/webhooks",
};
