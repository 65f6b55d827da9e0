import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RunAlert } from "../../api/tracking";
import { RULE_EXAMPLE, marksOf } from "./runAlerts";

const alert = (run_id: string, rule: string, what: string): RunAlert => ({ run_id, rule, what, run: run_id, experiment_id: "1", at: "2026-01-01T00:00:00Z", untold: null });

describe("alerts about runs", () => {
  it("mark each run once, with all that is said of it", () => {
    const marks = marksOf([alert("a", "stuck", "nothing logged for 30m"), alert("b", "diverged", "loss is not a number"), alert("a", "diverged", "loss 12.5 is above 10")]);
    expect([...marks]).toEqual([["a", "stuck: nothing logged for 30m; diverged: loss 12.5 is above 10"], ["b", "diverged: loss is not a number"]]);
  });
  it("are taught with lines of the documentation, in their order", () => {
    const lines = readFileSync(new URL("../../../../docs/pitcrew-yaml.md", import.meta.url), "utf8").split("\n");
    let from = lines.indexOf("## run_alerts");
    for (const line of RULE_EXAMPLE.split("\n")) {
      const at = lines.findIndex((each, i) => i > from && (each === line || each.startsWith(`${line} `)));
      expect(at, `"${line}" is not documented after line ${from}`).toBeGreaterThan(from);
      from = at;
    }
  });
});
