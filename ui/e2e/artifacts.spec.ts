/** The files of a run, one of each kind. They are the mock's, since a run that keeps them all is none of a lap. */
import type { Page } from "@playwright/test";
import { expect, expectAccessible, settled, test } from "./fixtures";
import { FULL } from "./servers";

test.use({ baseURL: FULL });

async function open(page: Page, path: string): Promise<void> {
  const { items } = await page.request.get("/api/v1/runs").then((response) => response.json() as Promise<{ items: { run_id: string }[] }>);
  await page.goto(`/runs/${items[0]?.run_id}?artifact=${encodeURIComponent(path)}`);
  await settled(page);
}

const view = (page: Page) => page.locator(".artifact-view");

test("folders open in place and the address names the file", async ({ page }) => {
  await open(page, "");
  const tree = page.locator(".artifact-tree");
  await tree.getByRole("button", { name: "model", exact: true }).click();
  await tree.getByRole("button", { name: "card", exact: true }).click();
  await tree.getByRole("button", { name: /NOTES\.md/ }).click();
  await expect(page).toHaveURL(/artifact=model%2Fcard%2FNOTES.md/);
  await expect(view(page).getByRole("heading", { name: "How it was trained" })).toBeVisible();
  await page.reload();
  await expect(tree.getByRole("button", { name: /NOTES\.md/ })).toHaveAttribute("aria-current", "true");
  await expect(view(page).getByRole("cell", { name: "0.203" })).toBeVisible();
  // HTML within is words.
  await expect(view(page)).toContainText("<script>parent.document.title");
  await expectAccessible(page);
});

test("a page from an artifact is drawn and can do nothing", async ({ page, complaints }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await open(page, "estimator.html");
  const frame = page.frameLocator(".html-preview");
  await expect(frame.getByRole("heading", { name: "HistGradientBoostingRegressor" })).toBeVisible();
  // Its styles hold; what its script would have written is not there.
  await expect(frame.locator("td").first()).toHaveCSS("border-top-width", "1px");
  await expect(frame.locator("#said")).toHaveText("Drawn without its scripts.");
  // The page would have left by itself after a second.
  await frame.getByRole("button", { name: "send" }).click();
  await page.getByRole("button", { name: /importances/ }).click();
  await expect(view(page).locator(".json").first()).toBeVisible();
  expect(await page.title()).not.toContain("broken out");
  expect(asked.filter((each) => /from=|:9\/|\/x$/.test(each))).toEqual([]);
  expect(new URL(page.url()).pathname).toMatch(/^\/runs\//);
  // The browser tells of everything that it refused.
  expect(complaints.length).toBeGreaterThan(0);
  expect(complaints.every((each) => /sandbox|Content Security Policy|violates/i.test(each)), complaints.join("\n")).toBe(true);
  complaints.splice(0);
});

test("an image is one that runs nothing", async ({ page }) => {
  await open(page, "figures/residuals.svg");
  await expect(view(page).getByRole("img", { name: "residuals.svg" })).toBeVisible();
  await expect(view(page)).toContainText("640 × 320 pixels");
  expect(await page.title()).not.toContain("broken out");
  await open(page, "figures/broken.png");
  await expect(view(page)).toContainText("No image");
});

test("a table shows its first thousand rows and says so", async ({ page }) => {
  await open(page, "predictions.csv");
  await expect(view(page)).toContainText("The first 1 000 rows are shown");
  await expect(view(page).getByRole("row")).toHaveCount(1001);
  await expect(view(page).getByRole("cell", { name: "light, later none" }).first()).toBeVisible();
});

test("a model file tells its inputs, outputs and operators", async ({ page }) => {
  await open(page, "model/model.onnx");
  await expect(view(page)).toContainText("skl2onnx 1.19.1");
  await expect(view(page)).toContainText("ai.onnx 21, ai.onnx.ml 3");
  await expect(view(page).locator(".operators")).toContainText("ai.onnx.ml.TreeEnsembleRegressor1");
  await expect(view(page).getByText("float32 [batch, 1]")).toHaveCount(8);
  await expectAccessible(page);
});

test("texts have numbered lines, JSON folds, and what cannot be shown says why", async ({ page, complaints }) => {
  await open(page, "train.log");
  await expect(view(page).locator(".line-numbers")).toContainText("60");
  await open(page, "importances.json");
  await view(page).getByText("importances:").click();
  await expect(view(page).getByText("0.62")).toBeHidden();
  for (const [path, words] of [["weights.bin", "No preview"], ["talk.mp4", "A recording"], ["empty.txt", "The file is empty"]]) {
    await open(page, path ?? "");
    await expect(view(page)).toContainText(words ?? "");
    await expect(view(page).getByRole("link", { name: "Download" })).toBeVisible();
  }
  await page.getByRole("button", { name: /huge\.png/ }).click();
  await expect(view(page)).toContainText("It has 46 MiB, more than the 10 MiB that are read for a preview");
  await open(page, "gone.txt");
  await expect(view(page).getByRole("alert")).toContainText("Nothing by that name");
  complaints.splice(0);
});

test("a file is saved under its name", async ({ page }) => {
  await open(page, "predictions.csv");
  const [download] = await Promise.all([page.waitForEvent("download"), view(page).getByRole("link", { name: "Download" }).click()]);
  expect(download.suggestedFilename()).toBe("predictions.csv");
});
