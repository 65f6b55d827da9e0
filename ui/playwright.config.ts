import { defineConfig } from "@playwright/test";
import { CHROMIUM } from "./e2e/chromium.mjs";
import { BACKEND, BINARY, DRIVES_A_LAP, EMPTY_PORT, ERROR_PORT, FULL_PORT, LAP_DONE_PORT, LAP_PORT, MANY_PORT, SERVER, SERVES_DIST, UI_PORT } from "./e2e/servers";

const LAP_MS = 10 * 60_000;
const GOODBYE_MS = 15_000;

/** The mock shows what a real server cannot be made to show at will: nothing, failures, and changes that nobody else sees. */
const mock = (port: number, variant: string, more = "") => ({
  command: `node mock/server.mjs --port ${port} --variant ${variant}${more}`,
  url: `http://127.0.0.1:${port}/healthz`,
  reuseExistingServer: false,
});

/** Ready as soon as its server answers, so that a page can be watched while the lap is driven. */
const lap = {
  command: `node e2e/lap.mjs ${JSON.stringify(BINARY)} ${LAP_PORT} ${LAP_DONE_PORT}`,
  url: `http://127.0.0.1:${LAP_PORT}/healthz`,
  timeout: LAP_MS,
  gracefulShutdown: { signal: "SIGTERM" as const, timeout: GOODBYE_MS },
  reuseExistingServer: false,
};

const dist = {
  command: `npx vite preview --host 127.0.0.1 --port ${UI_PORT} --strictPort`,
  env: { ...(process.env as Record<string, string>), PITCREW_URL: BACKEND },
  url: SERVER,
  reuseExistingServer: false,
};

/** While the lap is driven one page watches it; the journeys begin at its end. */
const projects = DRIVES_A_LAP
  ? [
      { name: "lap", testMatch: "lap.setup.ts", timeout: LAP_MS },
      { name: "live", testMatch: "live.spec.ts", timeout: LAP_MS },
      { name: "journeys", testIgnore: "live.spec.ts", dependencies: ["lap"] },
    ]
  : [{ name: "journeys", testIgnore: "live.spec.ts" }];

export default defineConfig({
  testDir: "e2e",
  projects,
  fullyParallel: true,
  workers: 2,
  // A journey that needed a second try is told as flaky.
  retries: process.env["CI"] ? 1 : 0,
  forbidOnly: Boolean(process.env["CI"]),
  reporter: [["list"]],
  // The machines that run this may be busy with much else.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  use: {
    baseURL: SERVER,
    launchOptions: CHROMIUM,
    viewport: { width: 1440, height: 900 },
    contextOptions: { reducedMotion: "reduce" },
    trace: "off",
  },
  webServer: [mock(FULL_PORT, "full"), mock(EMPTY_PORT, "empty"), mock(ERROR_PORT, "error"), mock(MANY_PORT, "full", " --runs 50000"), ...(DRIVES_A_LAP ? [lap] : []), ...(SERVES_DIST ? [dist] : [])],
});
