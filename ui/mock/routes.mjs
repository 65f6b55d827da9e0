import { artifactsAt, sendArtifact } from "./artifacts.mjs";
import { iso } from "./clock.mjs";
import { predictionsAt, trafficAt } from "./serving.mjs";
import { logLines, streamLog } from "./logs.mjs";
import { runAlertRoutes } from "./runAlerts.mjs";
import { runRoutes } from "./runs.mjs";
import { random } from "./random.mjs";
import { traceRoutes } from "./traces.mjs";
import { series } from "./training.mjs";
import { webhookRoutes } from "./webhooks.mjs";

const page = (items) => ({ items, next: null });

/** Answers `{status?, body}`, a plain body, `null` when the response was written already, or `undefined` for not found. */
export function routes({ world, emit, rng, startedAt }) {
  const w = world;
  const table = [
    ["GET", "/status", () => ({ name: "pitcrew", version: "0.1.0", home: "/srv/pitcrew", started_at: startedAt, auth: "none", at_rest: !w.pipelineRuns.some((run) => run.state === "running"), work: { outbox_lag: 0, jobs_ready: 0, jobs_running: w.pipelineRuns.length > 0 ? 1 : 0, runs_active: w.pipelineRuns.filter((run) => run.state === "running").length } })],
    ["GET", "/projects", () => page(w.projects)],
    ["GET", "/events", ({ query }) => (query.has("latest") ? page(w.events.slice(-Number(query.get("latest"))).toReversed()) : page(w.events.filter((event) => event.seq > Number(query.get("after") ?? 0))))],
    ["GET", "/datasets", () => page(w.data.datasets)], ["GET", "/datasets/:name", ({ p }) => byName(w.data.datasets, p.name)],
    ["GET", "/datasets/:name/versions", ({ p }) => page(w.data.versions.filter((v) => v.dataset === p.name))], ["GET", "/datasets/:name/versions/:n", ({ p }) => w.data.versions.find((v) => v.dataset === p.name && String(v.version) === p.n)],
    ["GET", "/datasets/:name/check-reports", ({ p }) => page(w.data.reports.filter((r) => r.dataset === p.name))],
    ["GET", "/pipelines", () => page(w.pipelines)], ["GET", "/pipelines/:name", ({ p }) => byName(w.pipelines, p.name)], ["POST", "/pipelines/:name/runs", ({ body, p }) => startRun(w, emit, p.name, body)],
    ["GET", "/pipeline-runs", ({ query }) => page(w.pipelineRuns.filter((run) => match(query, "pipeline", run.pipeline) && match(query, "state", run.state)))], ["GET", "/pipeline-runs/:id", ({ p }) => byId(w.pipelineRuns, p.id)],
    ["POST", "/pipeline-runs/:id/cancel", ({ p }) => cancel(w, emit, p.id)],
    ["GET", "/pipeline-runs/:id/steps/:step/log", ({ p, response }) => text(response, logLines(p.step).map((line) => line.line).join("\n"))], ["GET", "/pipeline-runs/:id/log/stream", ({ p, response }) => streamLog(byId(w.pipelineRuns, p.id), response)],
    ...runRoutes({ world, emit }),
    ["GET", "/runs/:id/metrics/:key", ({ p }) => metric(w, p)], ["GET", "/runs/:id/artifacts", ({ query }) => page(artifactsAt(query.get("path")))],
    ["GET", "/runs/:id/artifacts/content", ({ query, response }) => sendArtifact(response, query.get("path"))],
    ["GET", "/models", () => page(w.models)], ["GET", "/models/:name", ({ p }) => byName(w.models, p.name)], ["GET", "/models/:name/versions", ({ p }) => page(w.versions.filter((v) => v.model === p.name))],
    ["GET", "/models/:name/versions/:n", ({ p }) => w.versions.find((v) => v.model === p.name && String(v.version) === p.n)], ["GET", "/models/:name/alias-history", () => page(w.history)],
    ["PUT", "/models/:name/aliases/:alias", ({ p, body }) => moveAlias(w, emit, p, body.version, body.reason)], ["DELETE", "/models/:name/aliases/:alias", ({ p }) => moveAlias(w, emit, p, null, null)],
    ["GET", "/gate-decisions", ({ query }) => page(w.gates.filter((gate) => match(query, "model", gate.model)))], ["GET", "/gate-decisions/:id", ({ p }) => byId(w.gates, p.id)],
    ["GET", "/deployments", () => page(w.deployments)], ["GET", "/deployments/:name", ({ p }) => byName(w.deployments, p.name)], ["GET", "/deployments/:name/traffic", ({ query }) => page(traffic(w, Number(query.get("points") ?? 120)))],
    ["GET", "/deployments/:name/predictions", ({ query }) => page(predictionsAt(random(5), Date.now(), Math.min(Number(query.get("limit") ?? 50), 200)))],
    ["GET", "/releases", ({ query }) => page(w.releases.filter((each) => match(query, "deployment", each.deployment)))], ["GET", "/releases/:id", ({ p }) => byId(w.releases, p.id)],
    ["POST", "/releases/:id/promote", ({ p, body }) => endRelease(w, emit, p.id, "promoted", body)], ["POST", "/releases/:id/abort", ({ p, body }) => endRelease(w, emit, p.id, "aborted", body)],
    ["GET", "/monitors", () => page(w.watching.monitors)], ["GET", "/monitors/:name/windows", () => page(w.watching.windows)], ["GET", "/alerts", ({ query }) => page(w.watching.alerts.filter((alert) => match(query, "state", alert.state)))],
    ["GET", "/alerts/:id", ({ p }) => byId(w.watching.alerts, p.id)], ["GET", "/alert-rules", () => page(w.watching.rules)], ["GET", "/timeline", () => w.watching.timeline ?? undefined], ["GET", "/audit", () => page(w.audit)],
    ...runAlertRoutes(w), ...traceRoutes(w), ...webhookRoutes(w),
  ].map(([method, path, answer]) => ({ method, parts: path.split("/"), answer }));

  return async (method, path, query, body, response) => {
    const parts = path.split("/");
    for (const route of table) {
      const p = route.method === method ? fit(route.parts, parts) : null;
      if (p !== null) return route.answer({ p, query, body, response, rng });
    }
    return undefined;
  };
}

function fit(pattern, parts) {
  if (pattern.length !== parts.length) return null;
  const found = {};
  for (let i = 0; i < parts.length; i += 1) {
    if (pattern[i].startsWith(":")) found[pattern[i].slice(1)] = decodeURIComponent(parts[i]);
    else if (pattern[i] !== parts[i]) return null;
  }
  return found;
}

const byName = (list, name) => list.find((each) => each.name === name);
const byId = (list, id) => list.find((each) => each.id === id);
const match = (query, key, value) => !query.has(key) || query.get(key) === value;

function text(response, content) {
  response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "X-Next-Offset": String(content.length) });
  response.end(content);
  return null;
}

function metric(w, { id, key }) {
  const run = w.runs.find((each) => each.run_id === id);
  return run === undefined ? undefined : series(random(11), key, run);
}

function traffic(w, points) {
  if (w.deployments.length === 0) return [];
  const now = Date.now();
  return Array.from({ length: points }, (_, i) => trafficAt(now - (points - i) * 1000)).flat();
}

function startRun(w, emit, name, body) {
  const first = w.pipelineRuns.find((run) => run.pipeline === name);
  if (first === undefined) return undefined;
  const number = Math.max(...w.pipelineRuns.map((run) => run.number)) + 1;
  const run = { ...first, id: `run_mock${number}`, number, state: "queued", reason: body.reason || null, params: body.params ?? {}, cause: { kind: "user", id: "local", summary: "started by local" }, created_at: iso(Date.now()), started_at: null, finished_at: null, error: null,
    steps: first.steps.map((step) => ({ ...step, state: "waiting", cache: null, started_at: null, finished_at: null, cpu_seconds: null, peak_memory_bytes: null, outputs: [] })) };
  w.pipelineRuns.push(run);
  emit("pipelines.run_created", { kind: "pipeline_run", name: run.id }, `${name} #${number} created: ${body.reason || "by hand"}`);
  return { status: 202, body: run };
}

function cancel(w, emit, id) {
  const run = byId(w.pipelineRuns, id);
  if (run === undefined) return undefined;
  Object.assign(run, { state: "cancelled", finished_at: iso(Date.now()) });
  for (const step of run.steps) if (["waiting", "ready", "running"].includes(step.state)) step.state = "cancelled";
  emit("pipelines.run_finished", { kind: "pipeline_run", name: id }, `${run.pipeline} #${run.number} cancelled`);
  return run;
}

function moveAlias(w, emit, { name, alias }, to, reason) {
  const model = byName(w.models, name);
  if (model === undefined) return undefined;
  const lacking = w.versions.find((v) => v.model === name && v.version === to);
  if (to !== null && model.gate?.require?.aliases.includes(alias) && !lacking?.description) return { status: 412, body: { title: "The version is incomplete", status: 412, code: "VERSION_INCOMPLETE", detail: `\`${name}/${to}\` cannot be \`${alias}\`: it has no description, it has no tag \`owner\``, hint: "give the version what is missing; what its model requires stands under `gate.require` in the project" } };
  const from = model.aliases[alias] ?? null;
  if (to === null) delete model.aliases[alias];
  else model.aliases[alias] = to;
  w.history.push({ alias, from, to, at: iso(Date.now()), actor: "local", cause: null, reason: reason ?? null });
  emit("registry.alias_moved", { kind: "model", name }, to === null ? `${alias} of ${name} removed` : `${alias} of ${name} is now ${name}/${to}`);
  return model;
}

function endRelease(w, emit, id, state, body) {
  const release = byId(w.releases, id);
  if (release === undefined) return undefined;
  if (release.state !== "running") return { status: 409, body: { title: "The release has ended", status: 409, code: "RELEASE_ENDED", detail: `It is ${release.state} already.`, hint: "look at the deployment for a newer one" } };
  Object.assign(release, { state, ended_at: iso(Date.now()), reason: body.reason || `${state} by hand` });
  const deployment = byName(w.deployments, release.deployment);
  const winner = state === "promoted" ? release.candidate : release.champion;
  Object.assign(deployment, { state: "serving", release: null, arms: [{ ...deployment.arms[0], version: winner, share: 1 }] });
  emit(state === "promoted" ? "serving.release_promoted" : "serving.release_rolled_back", { kind: "release", name: id }, `${release.model}/${release.candidate} ${state} by hand`);
  return release;
}
