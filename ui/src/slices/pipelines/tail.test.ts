import { expect, it } from "vitest";
import { LAST_LINES, tailOf } from "./tail";

it("a console that is over keeps its last lines", () => {
  const lines = Array.from({ length: LAST_LINES + 3 }, (_, i) => i);
  expect(tailOf(lines, false)).toEqual({ lines: lines.slice(3), left: 3 });
  expect(tailOf(lines, true)).toEqual({ lines, left: 0 });
  expect(tailOf(lines.slice(0, LAST_LINES), false).lines).toHaveLength(LAST_LINES);
});
