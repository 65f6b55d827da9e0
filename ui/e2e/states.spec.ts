/** What only the mock can show at will: a server without a project, a server that fails, and changes that end a release. */
import { expect, expectAccessible, settled, test } from "./fixtures";
import { EMPTY, ERROR, FULL } from "./servers";

const TEACHING: [string, string][] = [
  ["/", "pitcrew demo bikes"], ["/data", "pitcrew apply"], ["/pipelines", "pitcrew run train"], ["/runs", "MLFLOW_TRACKING_URI"], ["/models", "pitcrew run train"],
  ["/deployments", "pitcrew apply"], ["/monitors", "pitcrew apply"], ["/alerts", "pitcrew apply"], ["/activity", "pitcrew apply"], ["/audit", "pitcrew apply"],
];

for (const [path, command] of TEACHING) {
  test(`an empty ${path} says which command fills it`, async ({ page }) => {
    await page.goto(EMPTY + path);
    await settled(page);
    await expect(page.locator(".command", { hasText: command }).first()).toBeVisible();
    await expectAccessible(page);
  });
}

test("an empty /traces says both ways in which a trace comes", async ({ page }) => {
  await page.goto(`${EMPTY}/traces`);
  await settled(page);
  await expect(page.locator(".way", { hasText: "@mlflow.trace" })).toBeVisible();
  await expect(page.locator(".way", { hasText: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" })).toBeVisible();
  await expectAccessible(page);
});

for (const path of ["/", "/data", "/pipelines", "/runs", "/traces", "/models", "/deployments", "/monitors", "/alerts", "/activity", "/audit", "/webhooks"]) {
  test(`a failing server is explained at ${path}, with a way to try again`, async ({ page, complaints }) => {
    await page.goto(ERROR + path);
    await expect(page.getByRole("alert").first()).toContainText("The database does not answer");
    await expect(page.getByRole("button", { name: "Try again" }).first()).toBeVisible();
    await expect(page.locator(".live").first()).not.toHaveClass(/on/);
    await expectAccessible(page);
    // The browser reports each 503 itself.
    complaints.splice(0);
  });
}

test.describe("changes", () => {
  test.use({ baseURL: FULL });

  // They change the mock's world, which the other journeys share, so each stands on an object of its own.
  test("a run is started with changed parameters and cancelled", async ({ page }) => {
    await page.goto("/pipelines/train");
    await page.getByRole("button", { name: "Start a run" }).click();
    await page.getByLabel("holdout_days").fill("14");
    await page.getByLabel(/Reason/).fill("to see it start");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await expect(page).toHaveURL(/\/pipeline-runs\/run_/);
    await expect(page.getByText("to see it start")).toBeVisible();
    await expect(page.getByRole("heading", { level: 1 })).toContainText("queued");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Cancel the run" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toContainText("cancelled");
  });

  test("promoting asks first and shows the server's refusal", async ({ page, complaints }) => {
    const running = await page.request.get("/api/v1/releases").then((response) => response.json() as Promise<{ items: { id: string; state: string }[] }>);
    const id = running.items.find((each) => each.state === "running")?.id ?? "";
    // The page is held at the running release while the release ends elsewhere, as two people at once would have it.
    await page.route(`**/api/v1/releases/${id}/promote`, (route) =>
      route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify({ title: "The release has ended", status: 409, code: "RELEASE_ENDED", detail: "It is promoted already.", hint: null }) }));
    await page.goto(`/releases/${id}`);
    await page.getByRole("button", { name: "Promote now" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await page.getByRole("button", { name: "Promote now" }).click();
    await page.getByRole("button", { name: /^Promote bikes/ }).click();
    await expect(page.getByRole("dialog").getByRole("alert")).toContainText("It is promoted already");
    complaints.splice(0);
  });
});
