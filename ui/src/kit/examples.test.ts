import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EXAMPLES } from "./examples";

const template = readFileSync(new URL("../../../templates/bikes/pitcrew.yaml", import.meta.url), "utf8").split("\n");

it.each(Object.entries(EXAMPLES))("the example of %s is made of the template's lines, in their order", (key, example) => {
  const lines = example.split("\n");
  expect(lines[0]).toBe(`${key}:`);
  let from = 0;
  for (const line of lines) {
    const at = template.indexOf(line, from);
    expect(at, `"${line}" is not in the template after line ${from}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
});
