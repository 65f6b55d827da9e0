import { describe, expect, it } from "vitest";
import type { Going } from "../../../api/tracking";
import { ruleOf, saysGoing, typedOf } from "./rule";

const going = (total: number, named: number): Going => ({ count: total, runs: Array.from({ length: named }, (_, i) => ({ run_id: `id${i}`, name: i === 0 ? "" : `run ${i}`, ended_at: null })) });

describe("a rule of retention", () => {
  it("leaves out what was left empty, and comes back as it was", () => {
    expect(ruleOf({ deleteAfter: " 90d ", purgeAfter: "", keepTagged: "  " })).toEqual({ delete_after: "90d" });
    const rule = { delete_after: "90d", purge_after: "30d", keep_tagged: "keep" };
    expect(ruleOf(typedOf(rule))).toEqual(rule);
    expect(ruleOf(typedOf(null))).toEqual({});
  });
  it("says what would go, with some of the names", () => {
    expect([saysGoing(going(0, 0)), saysGoing(going(1, 1)), saysGoing(going(2, 2))]).toEqual(["no run", "1 run: id0", "2 runs: id0, run 1"]);
    expect(saysGoing(going(1200, 1000))).toMatch(/^1\u202f200 runs: id0, .*run 7 and 1\u202f192 others$/);
  });
});
