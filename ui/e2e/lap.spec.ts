/** The journeys through a driven lap: what happened is on the chart, and every mark leads to its object. */
import { pathOf } from "../src/kit/links";
import { expect, need, settled, test } from "./fixtures";
import { DRIVES_A_LAP } from "./servers";

interface Named { name: string }
interface Identified { id: string; state: string }
interface Annotation { kind: string; title: string; link: { kind: string; id: string } | null }

test("the overview shows the loop, the line and every annotation as a way to its object", async ({ page, api }) => {
  const monitor = await api.first<Named>("/monitors");
  const timeline = await api.get<{ annotations: Annotation[]; points: unknown[] }>(`/timeline?monitor=${monitor.name}`);
  await page.goto("/");
  await settled(page);
  await expect(page.getByRole("list", { name: "The loop" }).getByRole("listitem")).toHaveCount(6);
  await expect(page.locator(".quality").first()).toHaveAttribute("d", /^M/);
  await expect(page.locator(".stint-label").first()).toHaveText(/^v\d+$/);
  const marks = page.locator(".timeline [data-mark-order]");
  // Marks that would hide each other are drawn as one; none is lost.
  await expect.poll(() => marks.evaluateAll((all) => all.reduce((sum, each) => sum + Number(each.getAttribute("data-holds")), 0))).toBe(timeline.annotations.length);
  await expect(page.locator(".flag").first()).toBeVisible();
});

test("every kind of annotation leads to its object", async ({ page, api }) => {
  const monitor = await api.first<Named>("/monitors");
  const { annotations } = await api.get<{ annotations: Annotation[] }>(`/timeline?monitor=${monitor.name}`);
  const kinds = [...new Set(annotations.map((each) => each.kind))];
  for (const kind of ["data", "run", "gate", "alarm", "resolved", "canary", "promotion", "rollback"]) need(kinds.includes(kind), `an annotation of the kind ${kind}`);
  for (const kind of kinds) {
    await page.goto("/");
    await settled(page);
    const mark = page.locator(`.timeline .mark[data-kind="${kind}"]`).first();
    const label = await mark.getAttribute("aria-label");
    const annotation = annotations.find((each) => each.kind === kind && label?.includes(each.title));
    const path = annotation?.link ? pathOf(annotation.link.kind, annotation.link.id) : null;
    expect(path, `a mark of the kind ${kind} names no annotation with a page`).not.toBeNull();
    await mark.click();
    await expect(page).toHaveURL(new RegExp(`${path}$`));
    await settled(page);
    await expect(page.locator("main [role=alert]")).toHaveCount(0);
  }
});

test("a flag over the line is a way to its object too", async ({ page, api }) => {
  await api.first("/monitors");
  await page.goto("/");
  await settled(page);
  const flag = page.locator('.flag[data-kind="rollback"]').first();
  const href = await flag.getAttribute("href");
  await flag.locator("text").click();
  await expect(page).toHaveURL(new RegExp(`${href}$`));
  await expect(page.getByRole("heading", { level: 1 })).toContainText("rolled back");
});

test("the arrow keys walk the marks and Enter follows one", async ({ page, api }) => {
  const monitor = await api.first<Named>("/monitors");
  const { annotations } = await api.get<{ annotations: Annotation[] }>(`/timeline?monitor=${monitor.name}`);
  need(annotations.length >= 2, "two annotations");
  await page.goto("/");
  await settled(page);
  await page.locator('[data-mark-order="0"]').focus();
  await expect(page.locator(".tip")).toBeVisible();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator('[data-mark-order="1"]')).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await expect(page).not.toHaveURL(/\/$/);
});

test("dragging over the chart zooms and can be undone", async ({ page, api }) => {
  await api.first("/monitors");
  await page.goto("/");
  await settled(page);
  const box = await page.locator(".timeline .catcher").boundingBox();
  if (box === null) throw new Error("the chart has no room");
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Reset zoom" }).click();
  await expect(page.getByRole("button", { name: "Reset zoom" })).toHaveCount(0);
});

test("a pipeline run is a graph with its log", async ({ page, api }) => {
  const run = await api.first<{ id: string; pipeline: string; number: number; state: string; steps: Named[] }>("/pipeline-runs", (each) => each["state"] === "succeeded");
  await page.goto(`/pipeline-runs/${run.id}`);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(`${run.pipeline} #${run.number}`);
  await expect(page.locator(".dag-node")).toHaveCount(run.steps.length);
  const step = run.steps[0]?.name ?? "";
  await page.locator(".dag-node", { hasText: step }).first().click();
  await expect(page).toHaveURL(new RegExp(`step=${step}`));
  await page.getByRole("button", { name: "all steps" }).click();
  await expect(page.getByRole("log").locator("p").first()).toBeVisible();
});

test("a refused candidate leads to the decision with its rules", async ({ page, api }) => {
  const run = await api.first<Identified>("/pipeline-runs", (each) => each["state"] === "refused");
  await page.goto(`/pipeline-runs/${run.id}`);
  await page.getByRole("link", { name: "See the decision" }).click();
  await settled(page);
  await expect(page.getByText("never became a version")).toBeVisible();
  await expect(page.locator(".rules li .state.warn").first()).toBeVisible();
});

test("a model has versions, lineage, decisions and the history of its aliases", async ({ page, api }) => {
  const model = await api.first<{ name: string; versions: number }>("/models");
  await page.goto(`/models/${model.name}`);
  await settled(page);
  await expect(page.getByRole("region", { name: "Versions" }).getByRole("row")).toHaveCount(model.versions + 1);
  await expect(page.locator(".dag-node", { hasText: "model version" })).toHaveCount(1);
  await expect(page.getByRole("heading", { name: "Who promoted what, and why" })).toBeVisible();
  await page.getByRole("region", { name: "Versions" }).getByRole("link").first().click();
  await settled(page);
  await expect(page).toHaveURL(/\/versions\/\d+$/);
  await expect(page.getByRole("heading", { name: "Lineage" })).toBeVisible();
  await expect(page.locator(".rules li").first()).toBeVisible();
});

test("an ended release shows its evidence closing on the decision", async ({ page, api }) => {
  const release = await api.first<Identified & { evidence: unknown[] }>("/releases", (each) => each.state === "promoted" || each.state === "rolled_back");
  await page.goto(`/releases/${release.id}`);
  await settled(page);
  need(release.evidence.length > 0, "evidence of an ended release");
  await expect(page.locator(".evidence .mean")).toHaveAttribute("d", /^M/);
  await expect(page.locator(`.decision.${release.state}`)).toBeVisible();
  await expect(page.getByRole("button", { name: "Promote now" })).toHaveCount(0);
});

test("a deployment shows who answers what share", async ({ page, api }) => {
  const deployment = await api.first<{ name: string; arms: unknown[] }>("/deployments", (each) => (each["arms"] as unknown[]).length > 0);
  await page.goto(`/deployments/${deployment.name}`);
  await settled(page);
  await expect(page.locator(".arms tbody tr").first()).toBeVisible();
  await expect(page.locator(".split span").first()).toBeVisible();
});

test("a data-set version shows its checks and the shape of its columns", async ({ page, api }) => {
  const dataset = await api.first<{ name: string; latest: { version: number; schema: unknown[]; checks: unknown[] } | null }>("/datasets", (each) => each["latest"] !== null);
  await page.goto(`/data/${dataset.name}/versions/${dataset.latest?.version}`);
  await settled(page);
  await expect(page.locator(".checks > li")).toHaveCount(dataset.latest?.checks.length ?? 0);
  await expect(page.locator(".profile > li")).toHaveCount(dataset.latest?.schema.length ?? 0);
  await expect(page.locator(".histogram").first()).toBeVisible();
});

test("a monitor shows drift against its thresholds, an alert its course", async ({ page, api }) => {
  const monitor = await api.first<{ name: string; latest: { drift: unknown[] } | null }>("/monitors", (each) => each["latest"] !== null);
  await page.goto(`/monitors/${monitor.name}`);
  await settled(page);
  await expect(page.getByRole("region", { name: "Drift" }).getByRole("row")).toHaveCount((monitor.latest?.drift.length ?? 0) + 1);
  const alert = await api.first<Identified>("/alerts");
  await page.goto(`/alerts/${alert.id}`);
  await settled(page);
  await expect(page.getByRole("list", { name: "Course of the alert" }).getByRole("listitem")).toHaveCount(3);
});

test("a run is found by the keyboard and shows its numbers", async ({ page, api }) => {
  await api.first("/runs");
  await page.goto("/runs");
  await settled(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await expect(page.locator("[data-row-link]").first()).toBeFocused();
  await page.keyboard.press("Enter");
  await settled(page);
  await expect(page).toHaveURL(/\/runs\/.+/);
  await expect(page.getByRole("heading", { name: "Parameters" })).toBeVisible();
});

test("a run draws its metrics", async ({ page, api }) => {
  const run = await api.first<{ run_id: string; metrics: Record<string, { step: number }> }>("/runs", (each) => Object.values(each.metrics).some((metric) => metric.step > 0));
  const curves = Object.values(run.metrics).filter((metric) => metric.step > 0).length;
  await page.goto(`/runs/${run.run_id}`);
  await settled(page);
  await expect(page.locator(".metric-chart canvas")).toHaveCount(curves);
  await expect.poll(() => page.locator(".metric-chart canvas").first().evaluate(inkedColumns)).toBeGreaterThan(0.5);
});

/** How much of a chart's width its line covers: the line alone is drawn in the ink of the page's text. */
function inkedColumns(canvas: SVGElement | HTMLElement): number {
  const { width, height } = canvas as HTMLCanvasElement;
  const [red = 0, green = 0, blue = 0] = getComputedStyle(document.body).color.match(/\d+/g)?.map(Number) ?? [];
  const { data } = (canvas as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height) ?? { data: [] };
  const near = (at: number) => (data[at + 3] ?? 0) > 128 && Math.abs((data[at] ?? 0) - red) + Math.abs((data[at + 1] ?? 0) - green) + Math.abs((data[at + 2] ?? 0) - blue) < 90;
  let inked = 0;
  for (let x = 0; x < width; x += 1) {
    let found = false;
    for (let y = 0; y < height && !found; y += 1) found = near((y * width + x) * 4);
    if (found) inked += 1;
  }
  return inked / width;
}

// A lap's traffic is over when the journeys begin; `live.spec.ts` sees it drawn while it runs.
if (!DRIVES_A_LAP) {
  test("a deployment draws the latency of its arms", async ({ page, api }) => {
    const deployment = await api.first<{ name: string; arms: unknown[] }>("/deployments", (each) => each.arms.length > 0);
    const traffic = await api.list<{ requests: number }>(`/deployments/${deployment.name}/traffic?points=120`);
    need(traffic.filter((each) => each.requests > 0).length > 1, "traffic");
    await page.goto(`/deployments/${deployment.name}`);
    await settled(page);
    await expect(page.locator('svg[aria-label^="Latency"] path').first()).toHaveAttribute("d", /M.*L/);
  });
}
