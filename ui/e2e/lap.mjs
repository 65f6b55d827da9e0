/**
 * Drives one lap with a real binary and leaves its server up for the journeys.
 *
 *   node e2e/lap.mjs BINARY PORT DONE_PORT
 *
 * The server answers on PORT from the start; DONE_PORT answers once the lap is over, which is what the journeys wait for.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trace } from "./traced.mjs";

const [binary, port, donePort] = process.argv.slice(2);
const POLL_MS = 2000;
/** So often in a row must the loop be found at rest, with all of the lap's decisions there. */
const RESTS = 5;

const folder = mkdtempSync(join(tmpdir(), "pitcrew-lap-"));
const child = spawn(binary, ["demo", "bikes", "--folder", folder, "--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "inherit"] });

let over = false;
async function finish() {
  if (over) return;
  over = true;
  await trace(`http://127.0.0.1:${port}`);
  createServer((_, response) => response.end("the lap is over\n")).listen(Number(donePort), "127.0.0.1");
}

// The demo says at its end how to stop the server it leaves up.
child.stdout.on("data", (chunk) => {
  process.stdout.write(chunk);
  if (/ctrl-c/i.test(String(chunk))) finish();
});
child.on("exit", (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill("SIGTERM"));

async function items(path) {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`);
  return (await response.json()).items;
}

/** Whether everything a lap decides was decided: a promotion, a rollback, a refusal, and nothing under way. */
async function looksDone() {
  const [releases, gates, status] = await Promise.all([items("/releases"), items("/gate-decisions"), fetch(`http://127.0.0.1:${port}/api/v1/status`).then((response) => response.json())]);
  const states = new Set(releases.map((each) => each.state));
  return states.has("promoted") && states.has("rolled_back") && !states.has("running") && gates.some((gate) => gate.verdict === "refused") && status.at_rest;
}

let rests = 0;
setInterval(() => {
  looksDone().then((done) => {
    rests = done ? rests + 1 : 0;
    if (rests >= RESTS) finish();
  }, () => (rests = 0));
}, POLL_MS);
