/** The application around the pages: keys, palette, theme, live updates, addresses. */
import { expect, need, settled, test } from "./fixtures";

test("what happens elsewhere appears by itself", async ({ page, api }) => {
  const model = await api.first<{ name: string; latest: { version: number } | null }>("/models", (each) => each["latest"] !== null);
  await page.goto("/activity");
  await settled(page);
  await expect(page.locator(".side .live.on")).toBeVisible();
  const alias = `seen-${Date.now().toString(36)}`;
  const moved = await api.put(`/models/${model.name}/aliases/${alias}`, { version: model.latest?.version, reason: "to be seen" });
  need(moved.status() !== 401 && moved.status() !== 403, "the permission to change something");
  expect(moved.ok()).toBe(true);
  await expect(page.locator(".feed")).toContainText(alias);
  await page.goto(`/models/${model.name}`);
  await expect(page.locator(".page-meta")).toContainText(alias);
  await api.delete(`/models/${model.name}/aliases/${alias}`);
  await expect(page.locator(".page-meta")).not.toContainText(alias);
});

test("every place is two keys away", async ({ page }) => {
  await page.goto("/");
  await settled(page);
  for (const [key, path] of [["d", "/data"], ["p", "/pipelines"], ["r", "/runs"], ["t", "/traces"], ["m", "/models"], ["s", "/deployments"], ["w", "/monitors"], ["a", "/alerts"], ["f", "/activity"], ["u", "/audit"], ["h", "/webhooks"], ["o", "/"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(key ?? "");
    await expect(page).toHaveURL(new RegExp(`${path}$`));
    await expect(page.locator(".place.here")).toHaveCount(1);
  }
});

test("the palette finds an object and goes there", async ({ page, api }) => {
  const model = await api.first<{ name: string }>("/models");
  await page.goto("/audit");
  await settled(page);
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "Search" });
  await field.fill(`${model.name} model`);
  await expect(page.getByRole("option").first()).toContainText(model.name);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/models/${model.name}$`));
  await page.keyboard.press("/");
  await expect(field).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(field).toHaveCount(0);
});

test("the keys are explained", async ({ page }) => {
  await page.goto("/");
  await settled(page);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("a chosen theme is kept", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  await settled(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.keyboard.press("t");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await page.keyboard.press("t");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect.poll(ground).not.toBe(light);
  await page.reload();
  await expect.poll(ground).not.toBe(light);
});

test("the system's theme holds until one is chosen", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/");
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(13, 14, 16)");
});

test("an address without a page says so", async ({ page }) => {
  await page.goto("/nowhere/at/all");
  await expect(page.getByRole("heading", { name: "No such page" })).toBeVisible();
});

test("an object that is not there is a problem with words", async ({ page, complaints }) => {
  await page.goto("/models/no-such-model");
  await expect(page.getByRole("alert").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Look again" }).first()).toBeVisible();
  // The browser reports the 404 itself.
  complaints.splice(0);
});

test("on a phone the menu is a drawer", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/");
  await settled(page);
  await page.getByRole("button", { name: "Open the menu" }).click();
  await page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: "Models" }).click();
  await expect(page).toHaveURL(/\/models$/);
  await expect(page.getByRole("navigation", { name: "Places" })).toBeHidden();
});
