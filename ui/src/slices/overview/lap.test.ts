import { expect, it } from "vitest";
import type { Alert, Monitor } from "../../api/monitoring";
import type { Deployment } from "../../api/serving";
import type { PipelineRun } from "../../api/pipelines";
import { type LapInput, sectorsOf } from "./lap";

const nothing: LapInput = { dataset: undefined, run: undefined, gate: undefined, release: undefined, deployment: undefined, monitor: undefined, alert: undefined };
const monitor = { name: "bikes", objectives: [{ metric: "wape", max: 0.35 }], latest: { state: "breach", metrics: { wape: { value: 0.48, lower: null, upper: null, n: 168 } } } } as unknown as Monitor;

it("has six sectors even when nothing is there", () => {
  const sectors = sectorsOf(nothing);
  expect(sectors.map((sector) => sector.name)).toEqual(["Data", "Train", "Gate", "Release", "Serve", "Monitor"]);
  expect(sectors.every((sector) => sector.tone === "idle" && sector.to.startsWith("/"))).toBe(true);
});

it("names the step that runs", () => {
  const run = { id: "run_1", pipeline: "train", number: 6, state: "running", steps: [{ name: "prepare", state: "cached" }, { name: "train", state: "running" }], created_at: "2026-01-02T03:04:05Z", finished_at: null } as unknown as PipelineRun;
  expect(sectorsOf({ ...nothing, run })[1]).toMatchObject({ value: "train #6", detail: "running train", tone: "busy", to: "/pipeline-runs/run_1" });
});

it("says of a server that was asked nothing yet that it was asked nothing", () => {
  const deployment = (requests: number) => ({ name: "bikes", model: "bikes", state: "serving", arms: [{ version: 3, requests, failures: 0, latency: { p99_us: 133 } }] }) as unknown as Deployment;
  expect([0, 4920].map((requests) => sectorsOf({ ...nothing, deployment: deployment(requests) })[4]?.detail)).toEqual(["no request since the start", "4\u202f920 req, p99 133 µs"]);
});

it("lets an open alert outrank the window", () => {
  expect(sectorsOf({ ...nothing, monitor })[5]).toMatchObject({ value: "wape 0.48", detail: "objective 0.35", tone: "bad" });
  const alert = { id: "al_1", state: "pending" } as Alert;
  expect(sectorsOf({ ...nothing, monitor, alert })[5]).toMatchObject({ value: "alert pending", detail: "wape 0.48 of 0.35", tone: "warn", to: "/alerts/al_1" });
});
