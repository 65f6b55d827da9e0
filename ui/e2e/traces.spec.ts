/** From the list of traces to one span, by pointer, by keys and by address. */
import { expect, expectAccessible, need, settled, test } from "./fixtures";

interface Listed { trace_id: string; state: string; name: string | null }
interface Whole extends Listed { spans: { span_id: string; name: string; status: string; parent_id: string | null }[] }

test("a filter finds the failed trace, its waterfall the failed span, and its address leads back", async ({ page, api }) => {
  const failed = await api.first<Listed>("/traces?limit=1000", (each) => each.state === "ERROR");
  await page.goto("/traces");
  await settled(page);
  await page.getByLabel("Filter").fill("status = 'ERROR'");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page).toHaveURL(/filter=status/);
  await expect(page.getByRole("region", { name: "Traces" }).getByText("error").first()).toBeVisible();
  await expect(page.getByRole("region", { name: "Traces" }).getByText("ok", { exact: true })).toHaveCount(0);
  await page.locator("[data-row-link]").first().click();
  await expect(page).toHaveURL(/\/traces\/tr-/);
  await settled(page);
  await page.getByRole("button", { name: /error/ }).click();
  await expect(page).toHaveURL(/span=/);
  await expect(page.locator(".span-error")).toBeVisible();
  const address = page.url();
  await page.goto("/traces");
  await page.goto(address);
  await expect(page.locator(".span-error")).toBeVisible();
  expect(failed.trace_id).toMatch(/^tr-/);
});

test("a filter that the server refuses is mended where it stands", async ({ page, complaints }) => {
  await page.goto("/traces?filter=nme+%3D+%27x%27");
  await expect(page.getByLabel("Filter")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("alert")).toContainText("nme");
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.getByRole("region", { name: "Traces" })).toBeVisible();
  // The browser reports the 400 itself.
  complaints.splice(0);
});

test("the waterfall is walked by keys like a tree", async ({ page, api }) => {
  const listed = await api.list<Listed>("/traces?limit=1000");
  let whole: Whole | undefined;
  for (const each of listed.slice(0, 20)) {
    const one = await api.get<Whole>(`/traces/${each.trace_id}`);
    if (one.spans.length > 2) { whole = one; break; }
  }
  need(whole !== undefined, "a trace of several spans");
  await page.goto(`/traces/${whole?.trace_id}`);
  await settled(page);
  const tree = page.getByRole("tree", { name: "Spans" });
  const picked = tree.locator("[role=treeitem][aria-selected=true]");
  const rows = await tree.getByRole("treeitem").count();
  await tree.focus();
  await page.keyboard.press("ArrowDown");
  await expect(picked).toHaveAttribute("aria-posinset", "2");
  await expect(tree).toHaveAttribute("aria-activedescendant", (await picked.getAttribute("id")) ?? "");
  await page.keyboard.press("Home");
  await expect(picked).toHaveAttribute("aria-level", "1");
  await page.keyboard.press("ArrowLeft");
  await expect(picked).toHaveAttribute("aria-expanded", "false");
  expect(await tree.getByRole("treeitem").count()).toBeLessThan(rows);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(picked).toHaveAttribute("aria-level", "2");
});

test("keys that are held down pick span after span, and the address follows", async ({ page, api }) => {
  const many = await api.first<Listed>("/traces?limit=1000", (each) => each.name === "score a day");
  await page.goto(`/traces/${many.trace_id}`);
  await settled(page);
  const tree = page.getByRole("tree", { name: "Spans" });
  await tree.focus();
  for (let i = 0; i < 300; i += 1) await page.keyboard.press("ArrowDown");
  const picked = tree.locator("[aria-selected=true]");
  await expect(picked).toHaveAttribute("aria-posinset", "301");
  const id = (await picked.getAttribute("id"))?.replace("span-", "") ?? "";
  await expect(page).toHaveURL(new RegExp(`span=${id}$`));
});

test("what was thought of a trace leads to the span it is about", async ({ page, api }) => {
  const assessed = await api.first<Listed & { assessments: { span_id: string | null }[] }>("/traces?limit=1000", (each) => each.assessments.some((one) => one.span_id !== null));
  await page.goto(`/traces/${assessed.trace_id}`);
  await settled(page);
  await expectAccessible(page);
  await page.locator(".assessments .as-link").first().click();
  const span = assessed.assessments.find((one) => one.span_id !== null)?.span_id;
  await expect(page).toHaveURL(new RegExp(`span=${span}$`));
});

test("a trace of thousands of spans draws those in view", async ({ page, api }) => {
  const many = await api.first<Listed>("/traces?limit=1000", (each) => each.name === "score a day");
  const { spans } = await api.get<Whole>(`/traces/${many.trace_id}`);
  await page.goto(`/traces/${many.trace_id}?span=${spans.at(-1)?.span_id}`);
  await settled(page);
  const tree = page.getByRole("tree", { name: "Spans" });
  // The address names the last span, so the box has scrolled to it.
  await expect(tree.locator("[aria-selected=true]")).toBeInViewport();
  await expect(tree.locator("[aria-selected=true]")).toHaveAttribute("aria-setsize", String(spans.length));
  expect(await tree.getByRole("treeitem").count()).toBeLessThan(100);
  await page.getByRole("button", { name: "Fold all" }).click();
  await expect(tree.getByRole("treeitem").first()).toHaveAttribute("aria-setsize", String(1 + spans.filter((each) => each.parent_id === spans[0]?.span_id).length));
});
