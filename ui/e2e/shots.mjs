/**
 * Takes pictures of every page, for looking at them: wide and phone, light and dark.
 *
 *   PITCREW_URL=http://127.0.0.1:7070 node e2e/shots.mjs OUT_DIR [name-part ...]
 */
import { mkdirSync } from "node:fs";
import { chromium } from "@playwright/test";
import { CHROMIUM } from "./chromium.mjs";

const base = process.env.PITCREW_URL ?? "http://127.0.0.1:7070";
const [out = "shots", ...wanted] = process.argv.slice(2);
mkdirSync(out, { recursive: true });

const get = async (path) => {
  const response = await fetch(`${base}/api/v1${path}`);
  return response.ok ? response.json() : { items: [] };
};
const first = async (path) => (await get(path)).items?.[0];

async function pages() {
  const [dataset, pipeline, model, deployment, monitor, alert] = await Promise.all(["/datasets", "/pipelines", "/models", "/deployments", "/monitors", "/alerts"].map(first));
  const [runs, pipelineRuns, releases, gates] = await Promise.all(["/runs", "/pipeline-runs", "/releases", "/gate-decisions"].map(get));
  const list = [["overview", "/"], ["data", "/data"], ["pipelines", "/pipelines"], ["runs", "/runs"], ["traces", "/traces"], ["models", "/models"], ["deployments", "/deployments"], ["monitors", "/monitors"], ["alerts", "/alerts"], ["activity", "/activity"], ["audit", "/audit"], ["webhooks", "/webhooks"]];
  const add = (name, condition, path) => condition && list.push([name, path]);
  add("dataset", dataset, `/data/${dataset?.name}`);
  add("dataset-version", dataset?.latest, `/data/${dataset?.name}/versions/${dataset?.latest?.version}`);
  add("check-reports", dataset, `/data/${dataset?.name}/check-reports`);
  add("pipeline", pipeline, `/pipelines/${pipeline?.name}`);
  for (const state of ["running", "succeeded", "refused", "failed"]) {
    const run = pipelineRuns.items.find((each) => each.state === state);
    add(`pipeline-run-${state}`, run, `/pipeline-runs/${run?.id}`);
  }
  add("run", runs.items.length > 0, `/runs/${(runs.items.find((run) => run.pipeline_run !== null) ?? runs.items[0])?.run_id}`);
  add("model", model, `/models/${model?.name}`);
  add("compare-versions", model?.versions > 1, `/models/${model?.name}/compare`);
  add("model-card", model?.latest, `/models/${model?.name}/versions/${model?.latest?.version}/card`);
  const trace = await first("/traces");
  add("trace", trace, `/traces/${trace?.trace_id}`);
  add("model-version", model?.latest, `/models/${model?.name}/versions/${model?.latest?.version}`);
  for (const gate of gates.items.slice(0, 3)) add(`gate-${gate.verdict}`, true, `/gate-decisions/${gate.id}`);
  add("deployment", deployment, `/deployments/${deployment?.name}`);
  for (const release of releases.items) add(`release-${release.state}`, true, `/releases/${release.id}`);
  add("monitor", monitor, `/monitors/${monitor?.name}`);
  add("alert", alert, `/alerts/${alert?.id}`);
  add("lost", true, "/nowhere");
  return [...new Map(list).entries()];
}

const SETTLE_MS = Number(process.env.SETTLE_MS ?? "700");
const browser = await chromium.launch(CHROMIUM);
const todo = (await pages()).filter(([name]) => wanted.length === 0 || wanted.some((part) => name === part || (part.endsWith("*") && name.startsWith(part.slice(0, -1)))));
for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && process.stderr.write(`${page.url()}: ${message.text()}\n`));
    page.on("pageerror", (error) => process.stderr.write(`${page.url()}: ${error.stack}\n`));
    for (const [name, path] of todo) {
      await page.goto(base + path);
      await page.waitForTimeout(SETTLE_MS);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) process.stderr.write(`${path} at ${width}: ${overflow} px too wide\n`);
      await page.screenshot({ path: `${out}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
    await context.close();
  }
}
await browser.close();
