import { dataWorld } from "./data.mjs";
import { auditOf, eventsOf } from "./events.mjs";
import { random } from "./random.mjs";
import { runAlertsOf } from "./runAlerts.mjs";
import { servingWorld } from "./serving.mjs";
import { tracesWorld } from "./traces.mjs";
import { trainingWorld } from "./training.mjs";
import { webhooksWorld } from "./webhooks.mjs";
import { watchingWorld } from "./watching.mjs";

const SEED = 20_120_101;

/** Replaces the names that parts use for objects of other parts by their ids. */
function resolve(world, names) {
  let text = JSON.stringify(world);
  for (const [name, id] of Object.entries(names)) text = text.replaceAll(`"${name}"`, `"${id}"`);
  return JSON.parse(text);
}

/** A whole lap: data, six pipeline runs, four versions, three releases, one of them under way. */
export function fullWorld() {
  const rng = random(SEED);
  const data = dataWorld(rng);
  const training = trainingWorld(rng);
  const serving = servingWorld(rng, training.pipelineRuns);
  const { evidenceRng: _, ...servingParts } = serving;
  const watching = watchingWorld(rng, { ...training, ...serving });
  const events = eventsOf({ ...training, ...serving });
  const world = { data, ...training, ...servingParts, watching, runAlerts: runAlertsOf(training.runs), traces: tracesWorld(training.runs.find((run) => run.experiment === "bikes-search")), webhooks: webhooksWorld(), events, audit: auditOf(rng, events), projects: [{ name: "bikes", root: "/srv/bikes", digest: rng.digest(), applied_at: events[0].at }] };
  return resolve(world, { AL1: rng.id("al"), AL2: rng.id("al"), REL1: serving.releases[0].id });
}

/** A server on which nothing was applied yet. */
export function emptyWorld() {
  return {
    data: { datasets: [], versions: [], reports: [] }, pipelines: [], pipelineRuns: [], runs: [], runAlerts: [], gates: [], versions: [], history: [], models: [], releases: [], deployments: [],
    watching: { windows: [], alerts: [], timeline: null, monitors: [], rules: [] }, traces: [], webhooks: [], events: [], audit: [], projects: [],
  };
}
