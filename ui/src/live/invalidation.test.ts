import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { KNOWN_EVENTS, QUIET, isQuiet, staleAfter } from "./invalidation";
import { gatherer } from "./LiveProvider";

/** The names the contract lists in the paragraph that begins so, read from its text. */
function contractNames(start: string): string[] {
  const text = readFileSync(new URL("../../../docs/api.md", import.meta.url), "utf8");
  const paragraph = text.split("\n\n").find((each) => each.startsWith(start)) ?? "";
  return [...new Set([...paragraph.matchAll(/`([a-z]+\.[a-z_]+)`/g)].map((match) => match[1] ?? ""))];
}

describe("staleAfter", () => {
  it("knows every event of the contract and no other", () => {
    expect(contractNames("Names: ").length).toBeGreaterThan(20);
    expect(KNOWN_EVENTS.toSorted()).toEqual(contractNames("Names: ").toSorted());
  });
  it("refreshes the feed after every event that is news, and after no other", () => {
    expect([...QUIET].toSorted()).toEqual(contractNames("No news, ").toSorted());
    for (const name of [...KNOWN_EVENTS, "finance.invoice_paid"]) expect(staleAfter(name).includes("events")).toBe(!isQuiet(name));
  });
  it("shows what changed without news of it", () => expect(staleAfter("tracking.run_tagged")).toEqual(["audit", "runs"]));
  it("refreshes the champion where it is shown after a promotion", () => {
    expect(staleAfter("serving.release_promoted")).toEqual(expect.arrayContaining(["models", "deployments", "releases", "timeline"]));
  });
  it("lets the data plane pass", () => expect(staleAfter("serving.log_advanced")).toEqual([]));
  it("refreshes the slice of an event it does not know", () => {
    expect(staleAfter("monitoring.window_closed")).toEqual(expect.arrayContaining(["monitors", "timeline"]));
  });
});

describe("gatherer", () => {
  it("refreshes once per burst", () => {
    vi.useFakeTimers();
    const invalidateQueries = vi.fn(() => Promise.resolve());
    const gather = gatherer({ invalidateQueries }, 100);
    gather.add(["runs", "events"]);
    gather.add(["events"]);
    expect(invalidateQueries).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(invalidateQueries.mock.calls).toEqual([[{ queryKey: ["runs"] }], [{ queryKey: ["events"] }]]);
    gather.add(["models"]);
    gather.stop();
    vi.advanceTimersByTime(1000);
    expect(invalidateQueries).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
