/** The journeys begin when the lap is over. */
import { expect, test } from "@playwright/test";
import { LAP_DONE } from "./servers";

const POLL_MS = 500;

test("the lap comes to its end", async ({ request }) => {
  const over = () => request.get(LAP_DONE).then((response) => response.ok(), () => false);
  await expect.poll(over, { timeout: test.info().timeout, intervals: [POLL_MS] }).toBe(true);
});
