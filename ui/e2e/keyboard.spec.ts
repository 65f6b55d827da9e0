/** Everything that can be pressed is reached by the keyboard, and one sees where one is. */
import type { Page } from "@playwright/test";
import { PAGES } from "./addresses";
import { expect, settled, test } from "./fixtures";

for (const [name, path] of Object.entries(PAGES)) {
  test(`the page "${name}" is used without a pointer`, async ({ page, api }) => {
    await page.goto(await path(api));
    await settled(page);
    await expect.poll(() => unreachable(page)).toEqual([]);
    // The ring is shown to those who move by keys, so one key comes first.
    await page.keyboard.press("Tab");
    expect(await page.evaluate(ringless)).toEqual([]);
  });
}

/** What looks as if it could be pressed and is in nothing that takes the focus. */
const unreachable = (page: Page) => page.evaluate(() => {
  const shown = [...document.querySelectorAll<HTMLElement | SVGElement>("main *, .side *")].filter((each) => each.checkVisibility() && getComputedStyle(each).cursor === "pointer");
  return shown.filter((each) => {
    const taker = each.closest<HTMLElement | SVGAElement>("a[href], button, input, select, textarea, summary, label, [tabindex]");
    // A second way for the pointer only says so: it is hidden from those who do not see it.
    return taker === null || (taker.tabIndex < 0 && taker.closest("[aria-hidden=true]") === null);
  }).map((each) => each.outerHTML.slice(0, 120));
});

/** What looks the same with and without the focus. */
function ringless(): string[] {
  const takers = [...document.querySelectorAll<HTMLElement | SVGElement>("a[href], button:not(:disabled), input, select, textarea, summary, [tabindex='0']")].filter((each) => each.tabIndex >= 0 && each.checkVisibility({ visibilityProperty: true }));
  // The ring may be drawn on the taker, on its row, or, in a drawing, on the shape within.
  const look = (each: Element) => [each, each.closest("tr"), each.querySelector("rect")].map((part) => {
    if (part === null) return "";
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, stroke, strokeWidth } = getComputedStyle(part);
    return outlineStyle === "none" ? `none ${boxShadow} ${stroke} ${strokeWidth}` : `${outlineStyle} ${outlineWidth} ${outlineColor} ${boxShadow} ${stroke} ${strokeWidth}`;
  }).join("; ");
  return takers.filter((each) => {
    (document.activeElement as HTMLElement | null)?.blur();
    const before = look(each);
    each.focus({ preventScroll: true });
    return document.activeElement === each && look(each) === before;
  }).map((each) => each.outerHTML.slice(0, 120));
}
