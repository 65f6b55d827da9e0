/** Every page, wide and on a phone, light and dark: accessible, within the screen, without a complaint. */
import { PAGES } from "./addresses";
import { expectAccessible, expectNoOverflow, settled, test } from "./fixtures";

for (const [name, path] of Object.entries(PAGES)) {
  test(`the page "${name}" is sound wide and dark, narrow and light`, async ({ page, api }) => {
    const address = await path(api);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto(address);
    await settled(page);
    await expectNoOverflow(page);
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 390, height: 844 });
    await settled(page);
    await expectNoOverflow(page);
    await expectAccessible(page);
  });
}
