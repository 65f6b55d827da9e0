/** Pages that are open while a lap is driven: they fill and move by themselves. */
import type { Page } from "@playwright/test";
import { expect, settled, test } from "./fixtures";
import { LAP_DONE } from "./servers";

interface Run { id: string; state: string }
interface Seen { lines: number; running: boolean }

/** Nothing here has a fixed pace, so all waits are as long as a lap may be. */
const patient = { timeout: 8 * 60_000 };

/** A page that was loaded anew would have lost this. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { stayed: true }));
const stayed = (page: Page) => page.evaluate(() => "stayed" in window);

test("a lap fills the open pages by itself", async ({ page, context, api, request }) => {
  await page.goto("/");
  await expect(page.locator(".side .live.on")).toBeVisible(patient);
  await mark(page);

  const log = await context.newPage();
  await test.step("a log grows while its run is under way", async () => {
    let run: Run | undefined;
    await expect.poll(async () => (run = (await api.list<Run>("/pipeline-runs")).find((each) => each.state === "running"))?.id, patient).toBeDefined();
    await log.goto(`/pipeline-runs/${run?.id}`);
    await log.getByRole("button", { name: "all steps" }).click();
    await expect(log.locator(".log-panel .live.on")).toBeVisible();
    await mark(log);
    await log.evaluate(watchLog);
    await expect(log.getByRole("heading", { level: 1 })).toContainText("succeeded", patient);
    const seen = (await log.evaluate(() => (window as unknown as { seen: Seen[] }).seen)).filter((each) => each.running).map((each) => each.lines);
    expect(new Set(seen).size, `the log had ${seen.join(", ")} lines while the run was under way`).toBeGreaterThan(2);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(await stayed(log)).toBe(true);
  });

  await test.step("a deployment draws requests and latency while traffic runs", async () => {
    let name: string | undefined;
    await expect.poll(async () => (name = (await api.list<{ name: string; arms: unknown[] }>("/deployments")).find((each) => each.arms.length > 0)?.name), patient).toBeDefined();
    await log.goto(`/deployments/${name}`);
    await settled(log);
    for (const chart of ["Requests", "Latency"]) await expect(log.locator(`svg[aria-label^="${chart}"] path[stroke]`).first()).toHaveAttribute("d", /M.*L/, patient);
  });

  await test.step("the overview tells the story as it happens", async () => {
    await expect(page.locator(".quality").first()).toHaveAttribute("d", /^M.*L/, patient);
    for (const kind of ["alarm", "promotion", "rollback"]) await expect(page.locator(`.flag[data-kind="${kind}"]`).first()).toBeVisible(patient);
  });

  await test.step("at the end it shows what the server holds, and was never loaded anew", async () => {
    await expect.poll(() => request.get(LAP_DONE).then((response) => response.ok(), () => false), patient).toBe(true);
    const [monitor] = await api.list<{ name: string }>("/monitors");
    const { annotations } = await api.get<{ annotations: unknown[] }>(`/timeline?monitor=${monitor?.name}`);
    const held = () => page.locator(".timeline [data-mark-order]").evaluateAll((all) => all.reduce((sum, each) => sum + Number(each.getAttribute("data-holds")), 0));
    await expect.poll(held).toBe(annotations.length);
    // Runs of pipelines are asked for again because of events alone.
    const newest = (await api.list<{ pipeline: string; number: number; created_at: string }>("/pipeline-runs")).toSorted((a, b) => b.created_at.localeCompare(a.created_at))[0];
    await expect(page.locator(".panel", { has: page.getByRole("heading", { name: "Pipeline runs" }) }).getByRole("listitem").first()).toContainText(`${newest?.pipeline} #${newest?.number}`);
    await expect(page.getByRole("list", { name: "The loop" })).toContainText("rolled back");
    expect(await stayed(page)).toBe(true);
  });
});

/** Notes how many lines the log has whenever the page changes, and whether the run is under way at that moment. */
function watchLog(): void {
  const seen: Seen[] = [];
  const look = () => {
    const lines = document.querySelectorAll("[role=log] time").length;
    const running = /running|queued/.test(document.querySelector("h1")?.textContent ?? "");
    if (seen.at(-1)?.lines !== lines) seen.push({ lines, running });
  };
  Object.assign(window, { seen });
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}
