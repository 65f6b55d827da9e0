/** The page of one run: what its step writes, what its machine does, what fired about it. */
import { expect, expectAccessible, settled, test } from "./fixtures";
import { EMPTY, FULL } from "./servers";

interface Listed { run_id: string; name: string; status: string; pipeline_run: { id: string; step: string | null } | null; metrics: Record<string, unknown> }

const ofMachine = (key: string): boolean => key.startsWith("system/");

test("a run that a pipeline started shows the console of its step, and its machine apart from its metrics", async ({ page, api }) => {
  const run = await api.first<Listed>("/runs?limit=1000", (each) => each.status === "FINISHED" && each.pipeline_run?.step === "train" && Object.keys(each.metrics).some(ofMachine));
  await page.goto(`/runs/${run.run_id}`);
  await settled(page);
  const shown = page.getByRole("log", { name: "Log" });
  await expect(shown.locator("p").first()).toBeVisible();
  await expect(page.getByRole("link", { name: /^step train of / })).toHaveAttribute("href", `/pipeline-runs/${run.pipeline_run?.id}?step=train`);
  const machine = page.locator(".panel", { has: page.getByRole("heading", { name: "Machine", exact: true }) });
  await machine.scrollIntoViewIfNeeded();
  await expect(machine.getByRole("slider", { name: /^Memory of the machine/ })).toBeVisible();
  await expect(machine).toContainText("CPU of the process");
  await expect(page.locator(".figures dt", { hasText: "system/" })).toHaveCount(0);
  await expectAccessible(page);
});

test.describe("on the mock", () => {
  test.use({ baseURL: FULL });

  test("a console follows while the step works, and keeps its last lines when it is over", async ({ page, api }) => {
    const runs = await api.list<Listed>("/runs");
    const working = runs.find((each) => each.status === "RUNNING" && each.pipeline_run !== null);
    await page.goto(`/runs/${working?.run_id}`);
    await settled(page);
    const lines = page.getByRole("log", { name: "Log" }).locator("p");
    const before = await lines.count();
    await expect.poll(() => lines.count()).toBeGreaterThan(before);
    await expect(page.getByText("live", { exact: true }).first()).toBeVisible();

    const over = runs.find((each) => each.status === "FINISHED" && each.pipeline_run !== null);
    await page.goto(`/runs/${over?.run_id}`);
    await settled(page);
    await page.getByRole("button", { name: /^All \d+ lines/ }).click();
    await expect(page.getByRole("log", { name: "Log" })).toContainText("read 10085 rows");
    await page.getByRole("button", { name: "Last lines" }).click();
    await expect(page.getByRole("log", { name: "Log" })).not.toContainText("read 10085 rows");
  });

  test("what tells of the machine is a column and a curve only for those who ask", async ({ page, api }) => {
    const runs = (await api.list<Listed>("/runs?experiment=bikes")).slice(0, 2);
    await page.goto("/runs?experiment=bikes");
    await settled(page);
    await expect(page.getByRole("columnheader", { name: /system\// })).toHaveCount(0);
    await page.getByRole("button", { name: /^Columns/ }).click();
    await page.getByLabel("Search columns").fill("cpu_util");
    // The address decides what is picked, so the box follows a moment later.
    const box = page.getByRole("checkbox", { name: "system/cpu_utilization_percentage" });
    await box.click();
    await expect(box).toBeChecked();
    await page.keyboard.press("Escape");
    await expect(page).toHaveURL(/cpu_utilization_percentage/);
    await page.goto(`/runs/compare?${runs.map((each) => `run=${each.run_id}`).join("&")}`);
    await settled(page);
    await expect(page.getByRole("heading", { name: /^system\// })).toHaveCount(0);
    await page.getByLabel("Search metrics").fill("system/cpu");
    await expect(page.getByRole("heading", { name: "system/cpu_utilization_percentage" })).toBeVisible();
  });

  test("an alert about a run is marked in the table, said on its page, and listed with the others", async ({ page, api }) => {
    const alert = await api.first<{ run_id: string; run: string; rule: string; what: string; untold: string | null }>("/run-alerts", (each) => each.untold !== null);
    await page.goto("/runs");
    await settled(page);
    await page.getByRole("link", { name: new RegExp(`^${alert.run} .*alert: ${alert.rule}`) }).click();
    const notice = page.getByRole("list", { name: "Alerts about this run" });
    await expect(notice).toContainText(alert.what);
    await expect(notice).toContainText("A webhook was not told");
    await expectAccessible(page);
    await page.goto("/alerts");
    await settled(page);
    await page.getByRole("region", { name: "Alerts about runs" }).getByRole("link", { name: alert.run }).click();
    await expect(page).toHaveURL(new RegExp(alert.run_id));
  });

  test("nested runs and traces are on the page of the run they belong to, and traces are found by name", async ({ page, api }) => {
    const child = await api.first<{ run_id: string; name: string; parent_run_id: string | null }>("/runs?limit=1000", (each) => each.parent_run_id !== null);
    await page.goto(`/runs/${child.run_id}`);
    await settled(page);
    await page.getByText("nested in").getByRole("link").click();
    await expect(page).toHaveURL(new RegExp(`${child.parent_run_id}`));
    await settled(page);
    await expect(page.getByRole("region", { name: "Nested runs" }).getByRole("link", { name: child.name })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("link", { name: "In the table" }).click();
    await expect(page.getByRole("grid", { name: "Runs" })).toHaveAttribute("aria-rowcount", "7");
    await page.goBack();
    await page.getByRole("link", { name: "All of them" }).click();
    await expect(page.getByRole("textbox", { name: "Filter" })).toHaveValue(`run_id = '${child.parent_run_id}'`);
    await expect(page.getByRole("region", { name: "Traces" }).locator("tbody tr")).toHaveCount(8);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search" }).fill("trace answer dry");
    await page.getByRole("option", { name: /Which zone runs dry/ }).first().click();
    await expect(page).toHaveURL(/\/traces\/tr-/);
  });
});

test.describe("on a server where nothing happened", () => {
  test.use({ baseURL: EMPTY });

  test("the alerts show the lines that make a rule about runs", async ({ page }) => {
    await page.goto("/alerts");
    await settled(page);
    await expect(page.locator(".example", { hasText: "run_alerts:" })).toContainText("above: 10");
  });
});
