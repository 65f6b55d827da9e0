/** The table of runs: many of them, found, sorted, changed and taken back. On the mock, whose world these journeys change. */
import { expect, expectAccessible, settled, test } from "./fixtures";
import { MANY } from "./servers";

test.use({ baseURL: MANY });
// One world for all of them, so one after the other.
test.describe.configure({ mode: "default" });

const SWEEP = "/runs?experiment=transformer-sweep";
/** What a table of any length may have on the page. */
const NODES = 2500;

test("fifty thousand runs with a thousand metrics scroll to the end, and the page stays small", async ({ page }) => {
  await page.goto(`${SWEEP}&col=metrics.*`);
  await settled(page);
  const grid = page.getByRole("grid", { name: "Runs" });
  await expect(grid).toHaveAttribute("aria-rowcount", /^500\d\d$/);
  await expect(grid).toHaveAttribute("aria-colcount", "1002");
  const nodes = () => page.evaluate(() => document.querySelectorAll("main *").length);
  for (const part of [0.2, 0.7, 1]) {
    await grid.evaluate((box, at) => box.scrollTo({ top: at * box.scrollHeight, left: at * box.scrollWidth }), part);
    await expect(grid.locator(".wait")).toHaveCount(0);
    expect(await nodes()).toBeLessThan(NODES);
  }
  // The newest are first, so the last row is the first run.
  await expect(page.getByRole("link", { name: /^brisk-otter-0 finished/ })).toBeInViewport();
  await expect(grid.getByRole("columnheader").last()).toHaveAttribute("aria-colindex", "1002");
  await grid.evaluate((box) => box.scrollTo({ top: 0, left: 0 }));
  await expect(page.getByRole("link", { name: /-49990 / })).toBeVisible();
});

test("runs are filtered, sorted, opened, deleted and brought back", async ({ page }) => {
  await page.goto(SWEEP);
  await settled(page);
  const grid = page.getByRole("grid", { name: "Runs" });
  const filter = page.getByRole("combobox", { name: "Filter" });
  await filter.pressSequentially("opti");
  await page.getByRole("option", { name: /params.optimizer/ }).click();
  await filter.pressSequentially("= 'lion' AND NOT (metrics.loss > 0.4 OR params.depth = '12')");
  await filter.press("Enter");
  await expect(page).toHaveURL(/filter=/);
  await grid.getByRole("button", { name: "loss", exact: true }).click();
  await expect(grid.getByRole("columnheader", { name: /^↓ ?loss/ }).or(grid.locator("[aria-sort=descending]"))).toBeVisible();
  await grid.locator("[aria-sort=descending]").getByRole("button").first().click();
  await expect(grid.locator("[aria-sort=ascending]")).toBeVisible();
  await settled(page);
  const wanted = await page.request.get("/api/v1/runs", { params: { experiment: "transformer-sweep", filter: "params.optimizer = 'lion' AND NOT (metrics.loss > 0.4 OR params.depth = '12')", order_by: "metrics.loss ASC", limit: 2, fields: "name" } }).then((answer) => answer.json() as Promise<{ items: { name: string }[] }>);
  const [first = "", second = ""] = wanted.items.map((run) => run.name);
  await expect(grid.locator("[data-row-link]").first()).toContainText(first);

  await page.keyboard.press("Escape");
  await grid.focus();
  await page.keyboard.press("j");
  await expect(grid.locator("[data-row-link]").first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toContainText(first);
  await page.goBack();
  await expect(grid.locator("[data-row-link]").first()).toContainText(first);

  await page.getByRole("checkbox", { name: `Select ${first}`, exact: true }).click();
  await expect(page.getByRole("toolbar", { name: "Selected runs" })).toContainText("1 selected");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(grid.locator("[data-row-link]").first()).toContainText(second);
  await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(grid.locator("[data-row-link]").first()).toContainText(first);
});

test("a link is the whole view", async ({ page }) => {
  const link = `${SWEEP}&filter=${encodeURIComponent("params.optimizer = 'sgd'")}&order=metrics.loss+asc&group=params.depth&col=metrics.loss&col=params.seed&width=metrics.loss~180`;
  await page.goto(link);
  await settled(page);
  const grid = page.getByRole("grid", { name: "Runs" });
  await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue("params.optimizer = 'sgd'");
  await expect(grid.locator(".run-row.group")).toHaveCount(3);
  await expect(grid.getByRole("columnheader")).toHaveCount(4);
  expect(await grid.locator("[role=columnheader].metrics").evaluate((head) => head.getBoundingClientRect().width)).toBe(180);
  await expect(page.getByText(/over the first 2.000 of/)).toBeVisible();
  await grid.getByRole("button", { name: /^12/ }).click();
  await expect(grid.locator(".run-row.run").first()).toBeVisible();
  await expectAccessible(page);
});

test("a filter that the server does not take is explained at its box", async ({ page, complaints }) => {
  await page.goto(SWEEP);
  await settled(page);
  const filter = page.getByRole("combobox", { name: "Filter" });
  await filter.fill("metrics.loss <");
  await filter.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Invalid clause");
  await expect(filter).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expect(page.getByRole("grid", { name: "Runs" })).toBeVisible();
  // The browser reports the 400 itself.
  complaints.splice(0);
});

test("a view is kept under a name, runs are renamed and moved, and a range is selected", async ({ page }) => {
  await page.goto(`${SWEEP}&col=metrics.loss&filter=${encodeURIComponent("params.seed = '3'")}`);
  await settled(page);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByLabel("Name of the view").fill("third seed");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("button", { name: "third seed", exact: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expect(page).not.toHaveURL(/filter=/);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("button", { name: "third seed", exact: true }).click();
  await expect(page).toHaveURL(/filter=params.seed/);
  await settled(page);

  const boxes = page.getByRole("grid", { name: "Runs" }).locator("[role=gridcell] input");
  await boxes.nth(1).click();
  await boxes.nth(4).click({ modifiers: ["Shift"] });
  const bar = page.getByRole("toolbar", { name: "Selected runs" });
  await expect(bar).toContainText("4 selected");
  await bar.getByRole("button", { name: "Clear" }).click();
  await boxes.nth(0).click();
  await bar.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("the chosen one");
  await page.getByRole("button", { name: "Rename", exact: true }).last().click();
  await expect(page.getByRole("link", { name: /^the chosen one/ })).toBeVisible();
  await bar.getByRole("button", { name: "Move" }).click();
  await page.getByRole("dialog").getByLabel("Experiment").selectOption("bikes-search");
  await page.getByRole("dialog").getByRole("button", { name: "Move" }).click();
  await expect(page.getByRole("link", { name: /^the chosen one/ })).toHaveCount(0);
  await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("link", { name: /^the chosen one/ })).toBeVisible();
});

test("selected runs are compared: curves, parameters, differences, in an address of their own", async ({ page }) => {
  await page.goto(`${SWEEP}&col=metrics.loss&filter=${encodeURIComponent("status = 'FINISHED'")}`);
  await settled(page);
  const grid = page.getByRole("grid", { name: "Runs" });
  await grid.focus();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  for (let i = 0; i < 11; i += 1) await page.keyboard.press("j");
  await page.keyboard.press("Shift+X");
  await expect(page.getByRole("toolbar", { name: "Selected runs" })).toContainText("12 selected");
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("12 runs");

  await page.getByLabel("Search metrics").fill("val/loss");
  const chart = page.getByRole("slider", { name: "val/loss, 12 lines" });
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  await expect(chart).toHaveAttribute("aria-valuetext", /^step \d+: .*, /);
  await page.getByRole("slider", { name: "Smoothing" }).fill("0.9");
  await expect(page).toHaveURL(/smooth=0.9/);
  await page.getByLabel("Group lines by").selectOption("params.optimizer");
  await expect(page.getByRole("slider", { name: /val\/loss, [23] lines/ })).toBeVisible();

  await page.getByRole("button", { name: "Parameters", exact: true }).click();
  await page.getByLabel("Metric", { exact: true }).selectOption("loss");
  await expect(page.getByRole("list", { name: "Importance for loss" }).getByRole("listitem").first()).toContainText(/R²|η²/);
  await expect(page.getByText(/squared Pearson correlation/)).toBeVisible();
  await expect(page.getByText(/^R² 0\.\d+ over 12 runs/)).toBeVisible();
  await page.getByRole("button", { name: /^loss: no brush/ }).focus();
  for (let i = 0; i < 10; i += 1) await page.keyboard.press("ArrowUp");
  await expect(page.getByText(/^\d+ of 12 runs$/)).toBeVisible();
  await page.getByRole("button", { name: "Compare only these" }).click();
  await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("12 runs");

  await page.getByRole("button", { name: "Differences" }).click();
  await expect(page.getByRole("rowheader", { name: "optimizer" }).or(page.getByRole("rowheader", { name: "seed" })).first()).toBeVisible();
  await page.reload();
  await settled(page);
  await expect(page.getByRole("button", { name: "Differences" })).toHaveAttribute("aria-pressed", "true");
});

test("runs begin and change while one looks, and what one looks at stays where it is", async ({ page }) => {
  const begin = (name: string) => page.request.post("/api/v1/mock/runs", { data: { name } });
  await page.goto(`${SWEEP}&col=metrics.loss`);
  await settled(page);
  const grid = page.getByRole("grid", { name: "Runs" });
  await expect(page.locator(".side .live.on")).toBeVisible();
  await begin("began-at-the-top");
  await expect(grid.locator("[data-row-link]").first()).toContainText("began-at-the-top");

  await grid.evaluate((box) => box.scrollTo({ top: 3000 * 36 }));
  await expect(grid.locator(".wait")).toHaveCount(0);
  const row = grid.locator("[role=row][aria-rowindex='3006'] [data-row-link]");
  const name = (await row.textContent()) ?? "";
  const place = await row.evaluate((link) => link.getBoundingClientRect().top);
  await begin("began-out-of-sight");
  await expect(page.getByRole("button", { name: "1 new" })).toBeVisible();
  expect(await row.textContent()).toBe(name);
  const id = (await row.getAttribute("href"))?.split("/").at(-1);
  await page.request.patch(`/api/v1/runs/${id}`, { data: { name: "renamed elsewhere" } });
  await expect(row).toContainText("renamed elsewhere");
  expect(await row.evaluate((link) => link.getBoundingClientRect().top)).toBe(place);
  await page.getByRole("button", { name: "1 new" }).click();
  await expect(grid.locator("[data-row-link]").first()).toContainText("began-out-of-sight");
});

test("a run has a note in Markdown, nothing of which becomes HTML, and is deleted and brought back", async ({ page }) => {
  const run = await page.request.get("/api/v1/runs?experiment=transformer-sweep&limit=30&fields=name").then((answer) => answer.json() as Promise<{ items: { run_id: string; name: string }[] }>).then(({ items }) => items[20]);
  await page.goto(`/runs/${run?.run_id}`);
  await settled(page);
  await page.getByRole("button", { name: "Write a note" }).click();
  await page.getByRole("textbox", { name: "Note" }).fill("## Why\n\nA **wide** net, see [the paper](https://example.org/p) and [this](javascript:alert(1)).\n\n<img src=x onerror=alert(1)>\n\n- one\n- two");
  await page.keyboard.press("Control+Enter");
  const note = page.locator(".note");
  await expect(note.getByRole("heading", { name: "Why" })).toBeVisible();
  await expect(note.getByRole("link")).toHaveCount(1);
  await expect(note.getByRole("link", { name: "the paper" })).toHaveAttribute("rel", /noopener/);
  await expect(note.locator("img")).toHaveCount(0);
  await expect(note.getByText("<img src=x onerror=alert(1)>")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Note" }).fill("gone again");
  await page.keyboard.press("Escape");
  await expect(note.getByRole("heading", { name: "Why" })).toBeVisible();

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\?experiment=transformer-sweep/);
  await expect(page.getByRole("status").getByText(`${run?.name} was deleted`)).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page).toHaveURL(new RegExp(`/runs/${run?.run_id}`));
  await expect(page.getByText("This run is deleted")).toHaveCount(0);
});

test("deleted runs are removed for good once their number is typed", async ({ page }) => {
  const gone = await page.request.get("/api/v1/runs", { params: { experiment: "bikes-search", limit: 2, fields: "name" } }).then((answer) => answer.json() as Promise<{ items: { run_id: string; name: string }[] }>);
  await page.request.post("/api/v1/runs/delete", { data: { run_ids: gone.items.map((run) => run.run_id) } });
  await page.goto("/runs?experiment=bikes-search&view=deleted");
  await settled(page);
  for (const run of gone.items) await page.getByRole("checkbox", { name: `Select ${run.name}`, exact: true }).click();
  const bar = page.getByRole("toolbar", { name: "Selected runs" });
  await bar.getByRole("button", { name: "Delete for good" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill("1");
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  // The browser says what is wrong with the number; nothing was asked of the server.
  await expect(dialog.getByRole("textbox")).toBeFocused();
  await expectAccessible(page);
  await dialog.getByRole("textbox").fill("2");
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByText("No run was deleted")).toBeVisible();
  const left = await page.request.get(`/api/v1/runs/${gone.items[0]?.run_id}`);
  expect(left.status()).toBe(404);
});

test("a rule of retention is tried, kept and taken away", async ({ page, complaints }) => {
  await page.goto("/runs?experiment=bikes-search");
  await settled(page);
  await page.getByRole("button", { name: "Retention" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "See what would go" }).click();
  await expect(dialog.getByRole("alert")).toContainText("needs delete_after, purge_after or both");
  await dialog.getByLabel("Delete runs this long after they ended").fill("90d");
  await dialog.getByRole("button", { name: "See what would go" }).click();
  await expect(dialog.getByRole("status")).toContainText(/delete \d+ runs: .* others/);
  await expectAccessible(page);
  await dialog.getByLabel("Keep runs with the tag").fill("keep");
  await expect(dialog.getByRole("status")).toHaveCount(0);
  await dialog.getByRole("button", { name: "Keep the rule" }).click();
  await expect(dialog).toHaveCount(0);
  await page.getByRole("button", { name: "Retention" }).click();
  await expect(dialog.getByLabel("Delete runs this long after they ended")).toHaveValue("90d");
  await dialog.getByRole("button", { name: "Take it away" }).click();
  await expect(dialog).toHaveCount(0);
  // The browser reports that there was no rule, and the refusal, itself.
  complaints.splice(0);
});
