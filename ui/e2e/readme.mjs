/**
 * Takes the two pictures of the README: the overview of a finished lap, light and dark, cut below the chart.
 *
 *   PITCREW_URL=http://127.0.0.1:7070 node e2e/readme.mjs
 */
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { CHROMIUM } from "./chromium.mjs";

const base = process.env.PITCREW_URL ?? "http://127.0.0.1:7070";
const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
const browser = await chromium.launch(CHROMIUM);
for (const [colorScheme, name] of [["light", "overview.png"], ["dark", "overview-dark.png"]]) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 756 }, deviceScaleFactor: 2, colorScheme, reducedMotion: "reduce" });
  await page.goto(base);
  await page.locator(".side .live.on").waitFor();
  await page.locator(".stint-label").first().waitFor();
  await page.screenshot({ path: docs + name });
  await page.close();
}
await browser.close();
