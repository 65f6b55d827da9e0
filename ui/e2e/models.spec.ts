/** Versions side by side, the card of a model, and a move of an alias undone. */
import { expect, expectAccessible, expectNoOverflow, settled, test } from "./fixtures";
import { FULL } from "./servers";

interface Listed { name: string; versions: number; latest: { version: number; ref: string } | null; aliases: Record<string, number> }
interface Version { version: number; ref: string; metrics: Record<string, number>; lineage: unknown; gate_decision: string | null }

test("two versions are compared, and which two is in the address", async ({ page, api }) => {
  const model = await api.first<Listed>("/models", (each) => each.versions > 1);
  const versions = (await api.list<Version>(`/models/${model.name}/versions`)).toSorted((a, b) => b.version - a.version);
  const [right, left] = versions;
  await page.goto(`/models/${model.name}`);
  await settled(page);
  await page.getByRole("link", { name: "Compare versions" }).click();
  await expect(page).toHaveURL(/\/compare$/);
  await page.getByLabel("Left version").selectOption(String(left?.version));
  await page.getByLabel("Right version").selectOption(String(right?.version));
  await expect(page).toHaveURL(new RegExp(`left=${left?.version}&right=${right?.version}`));
  await settled(page);
  const metrics = page.getByRole("region", { name: "On the held-out rows" });
  for (const key of Object.keys(right?.metrics ?? {})) await expect(metrics.getByRole("rowheader", { name: key, exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { name: `Gate on ${left?.ref}` })).toBeVisible();
  await page.getByRole("button", { name: "Swap left and right" }).click();
  await expect(page).toHaveURL(new RegExp(`left=${right?.version}&right=${left?.version}`));
  await page.reload();
  await expect(page.getByLabel("Left version")).toHaveValue(String(right?.version));
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoOverflow(page);
});

test("a card tells what is known and is copied as Markdown", async ({ page, api, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const model = await api.first<Listed>("/models", (each) => each.aliases["champion"] !== undefined);
  await page.goto(`/models/${model.name}/versions/${model.aliases["champion"]}/card`);
  await settled(page);
  for (const title of ["What it is", "Limitations and notes", "Data", "Evaluation", "Where it stands", "In production"]) await expect(page.getByRole("heading", { name: title, exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Copy as Markdown" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text).toContain(`# Model card of ${model.name}/${model.aliases["champion"]}`);
  expect(text).toContain("@champion");
});

test("every step of a lineage leads to its page", async ({ page, api }) => {
  const model = await api.first<Listed>("/models", (each) => each.latest !== null);
  // One that came by a pipeline; others have less to tell.
  const made = await api.first<Version>(`/models/${model.name}/versions`, (each) => each.lineage !== null && each.gate_decision !== null);
  await page.goto(`/models/${model.name}/versions/${made.version}`);
  await settled(page);
  const lineage = page.getByRole("group", { name: /^Lineage/ });
  for (const [kind, address] of [["data set", /\/data\//], ["pipeline run", /\/pipeline-runs\//], ["tracked run", /\/runs\//], ["gate", /\/gate-decisions\//]] as const) {
    await lineage.getByRole("link", { name: new RegExp(`^${kind}`) }).click();
    await expect(page).toHaveURL(address);
    await page.goBack();
    await settled(page);
  }
});

test.describe("on the mock", () => {
  test.use({ baseURL: FULL });

  // It changes the mock's world, so it stands on an alias of its own.
  test("the last move of an alias is undone, and that is a move too", async ({ page }) => {
    await page.request.put("/api/v1/models/bikes/aliases/shadow", { data: { version: 1, reason: "to try" } });
    await page.request.put("/api/v1/models/bikes/aliases/shadow", { data: { version: 3, reason: "to try more" } });
    await page.goto("/models/bikes");
    await settled(page);
    const mine = page.locator(".moves-line > li", { hasText: "@shadow" });
    await expect(mine).toHaveCount(2);
    await expect(mine.nth(1).getByRole("button", { name: "Undo" })).toHaveCount(0);
    await mine.first().getByRole("button", { name: "Undo" }).click();
    await page.getByLabel(/Reason/).fill("it was worse");
    await page.getByRole("button", { name: "Point it back" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(mine).toHaveCount(3);
    await expect(mine.first()).toContainText("it was worse");
    await expect(page.locator(".page-meta")).toContainText("@shadow1");
    await page.request.delete("/api/v1/models/bikes/aliases/shadow");
  });

  test("what the gate asks is said, and an alias that asks too much of a version says what is missing", async ({ page, complaints }) => {
    await page.goto("/models/bikes");
    await settled(page);
    const asks = page.locator(".panel", { has: page.getByRole("heading", { name: "What its gate asks" }) });
    await expect(asks).toContainText("a description, the tag owner");
    await expect(asks).toContainText("@challenger");
    await page.locator(".moves-line > li", { hasText: "@challenger" }).first().getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Point it back" }).click();
    await expect(page.getByRole("dialog").getByRole("alert")).toContainText("it has no description, it has no tag owner");
    await expect(page.getByRole("dialog").getByRole("alert")).toContainText("gate.require");
    // The browser reports the 412 itself.
    complaints.splice(0);
    await page.getByRole("button", { name: "Cancel" }).click();
    const refused = await page.request.get("/api/v1/gate-decisions").then((answer) => answer.json() as Promise<{ items: { id: string; rules: { kind: string; verdict: string }[] }[] }>);
    await page.goto(`/gate-decisions/${refused.items.find((each) => each.rules.some((rule) => rule.kind === "requirement" && rule.verdict === "refused"))?.id}`);
    await settled(page);
    await expect(page.getByRole("listitem").filter({ hasText: "has the tag owner" })).toContainText("it has no tag owner");
    await expectAccessible(page);
  });

  test("webhooks tell where they send and what failed last", async ({ page }) => {
    await page.goto("/webhooks");
    await settled(page);
    await expect(page.getByRole("listitem").filter({ hasText: "https://chat.example.org" })).toContainText("503 Service Unavailable");
    await expect(page.getByLabel("Lines that make a webhook")).toContainText("create_webhook");
  });

  test("webhooks say for whom they are", async ({ page, complaints }) => {
    await page.route("**/api/v1/webhooks*", (route) => route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ title: "Not allowed", status: 403, code: "FORBIDDEN", detail: "It needs admin access.", hint: null }) }));
    await page.goto("/webhooks");
    await expect(page.getByText("Webhooks are for administrators")).toBeVisible();
    complaints.splice(0);
  });
});
