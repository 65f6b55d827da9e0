/**
 * A stand-in for `pitcrew up`: the GET half of docs/api.md over a seeded world, the event stream, and the few changes the UI can make.
 * It also serves `dist` as the real server does, content security policy included.
 *
 *   node mock/server.mjs [--port 7070] [--variant full|empty|error] [--live] [--runs N]
 *
 * `--runs` adds that many runs with a thousand metrics each. `--live` lets an event happen every few seconds.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { iso } from "./clock.mjs";
import { live } from "./live.mjs";
import { random } from "./random.mjs";
import { routes } from "./routes.mjs";
import { manyRuns } from "./runs.mjs";
import { emptyWorld, fullWorld } from "./world.mjs";

const { values: options } = parseArgs({ options: { port: { type: "string", default: "7070" }, variant: { type: "string", default: "full" }, live: { type: "boolean", default: false }, runs: { type: "string", default: "0" } } });
const DIST = join(fileURLToPath(new URL(".", import.meta.url)), "..", "dist");
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

const world = options.variant === "empty" ? emptyWorld() : fullWorld();
world.runs.push(...manyRuns(Number(options.runs)));
const streams = new Set();
const startedAt = iso(Date.now() - 26 * 60_000);

/** Lets an event happen: it joins the feed and goes to every open stream. */
function emit(name, subject, summary, cause = null) {
  const event = { seq: (world.events.at(-1)?.seq ?? 0) + 1, id: `ev_${Date.now()}`, name, subject, at: iso(Date.now()), actor: "local", cause, summary, data: {} };
  world.events.push(event);
  for (const stream of streams) writeEvent(stream, event);
}
const writeEvent = (stream, event) => stream.write(`id: ${event.seq}\nevent: ${event.name}\ndata: ${JSON.stringify(event)}\n\n`);

const api = routes({ world, emit, rng: random(7), startedAt });
if (options.live && options.variant === "full") live({ world, emit });

function problem(response, status, code, title, detail, hint) {
  response.writeHead(status, { "Content-Type": "application/problem+json", "X-Request-Id": "req_mock" });
  response.end(JSON.stringify({ type: `https://pitcrew.dev/errors/${code}`, title, status, code, detail, hint, request_id: "req_mock" }));
}

function stream(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": hello\n\n");
  const last = Number(request.headers["last-event-id"] ?? Number.NaN);
  if (Number.isFinite(last)) for (const event of world.events.filter((each) => each.seq > last)) writeEvent(response, event);
  streams.add(response);
  const beat = setInterval(() => response.write(": beat\n\n"), 15_000);
  response.on("close", () => {
    clearInterval(beat);
    streams.delete(response);
  });
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? {} : JSON.parse(text);
}

async function answerApi(request, response, url) {
  const path = url.pathname.slice("/api/v1".length);
  if (options.variant === "error") {
    if (path === "/events/stream") return response.writeHead(503).end();
    return problem(response, 503, "DATABASE_BUSY", "The database does not answer", "No connection became free within 5 s.", "look at `pitcrew doctor`; the call can be made again");
  }
  if (path === "/events/stream") return stream(request, response);
  const answer = await api(request.method, path, url.searchParams, request.method === "GET" ? {} : await bodyOf(request), response);
  if (answer === undefined) return problem(response, 404, "NOT_FOUND", "Nothing by that name", `\`${path}\` names nothing on this server.`, "list what there is with `pitcrew models` or its siblings");
  if (answer === null) return undefined;
  const [status, body] = typeof answer.status === "number" && answer.body !== undefined ? [answer.status, answer.body] : [200, answer];
  response.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json", "X-Request-Id": "req_mock" });
  return response.end(JSON.stringify(body));
}

function answerFile(response, pathname) {
  const wanted = join(DIST, normalize(pathname));
  const file = wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(DIST, "index.html");
  if (!existsSync(file)) return response.writeHead(404).end("run `npm run build` first");
  response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": CSP, "Cache-Control": "no-cache" });
  return createReadStream(file).pipe(response);
}

createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://mock");
  if (url.pathname === "/healthz") response.end("ok");
  else if (url.pathname.startsWith("/api/v1")) answerApi(request, response, url).catch((error) => problem(response, 500, "INTERNAL", "The mock failed", String(error), ""));
  else answerFile(response, url.pathname);
}).listen(Number(options.port), "127.0.0.1", () => process.stdout.write(`mock (${options.variant}) on http://127.0.0.1:${options.port}\n`));
