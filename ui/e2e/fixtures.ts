import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type APIRequestContext, type Page, expect, test as base } from "@playwright/test";

import { MAY_LACK } from "./servers";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Fixtures {
  /** What the page complained about; a test that expects complaints empties it. */
  complaints: string[];
  api: Api;
}

/** What a lap and the mock always have, so that its absence fails the journey; on a server that somebody else filled it is skipped. */
export function need(there: boolean, what: string): void {
  if (MAY_LACK) test.skip(!there, `the server lacks ${what}`);
  else expect(there, `the server lacks ${what}`).toBe(true);
}

/** Reads the API, so that a journey knows what the page must show, on the mock and on a real server. */
export class Api {
  constructor(private readonly request: APIRequestContext) {}

  async get<T = Record<string, unknown>>(path: string): Promise<T> {
    const response = await this.request.get(`/api/v1${path}`);
    expect(response.ok(), `GET ${path} answered ${response.status()}`).toBe(true);
    return (await response.json()) as T;
  }

  async list<T = Record<string, unknown>>(path: string): Promise<T[]> {
    return (await this.get<{ items: T[] }>(path)).items;
  }

  /** The first item of a list. A journey cannot do without it: see `need`. */
  async first<T = Record<string, unknown>>(path: string, wanted: (item: T) => boolean = () => true): Promise<T> {
    const found = (await this.list<T>(path)).find(wanted);
    need(found !== undefined, `something that fits at ${path}`);
    return found as T;
  }

  put(path: string, data: unknown) {
    return this.request.put(`/api/v1${path}`, { data });
  }

  delete(path: string) {
    return this.request.delete(`/api/v1${path}`);
  }
}

/** Every journey fails when the page writes an error, which includes each breach of the content security policy. */
export const test = base.extend<Fixtures>({
  complaints: [
    async ({ context }, provide) => {
      const complaints: string[] = [];
      context.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      context.on("weberror", (error) => complaints.push(String(error.error())));
      await provide(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
  api: async ({ request }, provide) => provide(new Api(request)),
});

/** No serious breach of WCAG 2.1 A and AA on the page as it stands. */
export async function expectAccessible(page: Page): Promise<void> {
  // The policy of the server forbids inline scripts; the debugging protocol may evaluate all the same.
  await page.evaluate(AXE);
  const breaches = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run: (root: Document, options: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return violations.filter((each) => ["serious", "critical"].includes(each.impact)).map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => `${node.html} (${node.failureSummary})`).join(" | ")}`);
  });
  expect(breaches).toEqual([]);
}

export async function expectNoOverflow(page: Page): Promise<void> {
  const excess = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(excess, { message: `${page.url()} is wider than the screen` }).toBeLessThanOrEqual(0);
}

/** Until what is being asked for is there: no skeleton on the page. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator("main h1")).toBeVisible();
  await expect(page.locator(".skeleton, .skeleton-block")).toHaveCount(0);
  // Rows of the question before stay dimmed until the answer is there.
  await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
}

export { expect } from "@playwright/test";
