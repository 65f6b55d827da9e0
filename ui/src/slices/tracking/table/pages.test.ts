import { describe, expect, it } from "vitest";
import type { Run } from "../../../api/tracking";
import { type Ask, PAGES_KEPT, PAGE_ROWS, RunPages, STRIDE, covers } from "./pages";

const run = (id: string): Run => ({ run_id: id }) as Run;

/** A server with keyset pages: a token is the id of the last row before the page. */
function server(size: number, countable = true) {
  const state = { ids: Array.from({ length: size }, (_, i) => `r${i}`), asks: [] as Ask[], fails: false };
  const load = (ask: Ask) => {
    state.asks.push(ask);
    if (state.fails) return Promise.reject(new Error("no"));
    const from = ask.page === undefined ? 0 : state.ids.indexOf(ask.page) + 1;
    const items = state.ids.slice(from, from + ask.limit).map(run);
    const last = items.at(-1)?.run_id;
    return Promise.resolve({ items, next: from + ask.limit < state.ids.length && last !== undefined ? last : null });
  };
  const count = () => Promise.resolve(countable ? state.ids.length : null);
  return { state, pages: new RunPages({ load, count }, "name") };
}

/** Until every promise that is under way has had its turn. */
const rest = async () => {
  for (let i = 0; i < 600; i += 1) await Promise.resolve();
};

describe("the pages of a long list", () => {
  it("begin with the first and know how many rows there are", async () => {
    const { state, pages } = server(50_000);
    pages.open();
    await rest();
    expect([pages.total, pages.row(0)?.run_id, pages.row(PAGE_ROWS)]).toEqual([50_000, "r0", undefined]);
    expect(state.asks).toHaveLength(1);
  });

  it("reach the end in strides and keep few rows", async () => {
    const { state, pages } = server(50_000);
    pages.open();
    pages.show(49_990, 49_999);
    await rest();
    expect(pages.row(49_999)?.run_id).toBe("r49999");
    expect(state.asks.length).toBeLessThan(50_000 / PAGE_ROWS / STRIDE + STRIDE + 2);
    for (let at = 0; at < 50_000; at += 5000) {
      pages.show(at, at + 40);
      await rest();
      expect(pages.row(at)?.run_id).toBe(`r${at}`);
      expect(pages.pagesHeld).toBeLessThanOrEqual(PAGES_KEPT + 1);
    }
  });

  it("go on without a count, one page further each time", async () => {
    const { pages } = server(PAGE_ROWS * 2 + 5, false);
    pages.open();
    await rest();
    expect([pages.exact, pages.total]).toEqual([false, PAGE_ROWS + 1]);
    pages.show(PAGE_ROWS, PAGE_ROWS);
    await rest();
    pages.show(PAGE_ROWS * 2, PAGE_ROWS * 2);
    await rest();
    expect([pages.exact, pages.total, pages.row(PAGE_ROWS * 2 + 4)?.run_id]).toEqual([true, PAGE_ROWS * 2 + 5, `r${PAGE_ROWS * 2 + 4}`]);
  });

  it("show new runs at once at the beginning", async () => {
    const { state, pages } = server(1000);
    pages.open();
    await rest();
    state.ids.unshift("new");
    pages.refresh();
    await rest();
    expect([pages.row(0)?.run_id, pages.newer, pages.total]).toEqual(["new", 0, 1001]);
    pages.show(PAGE_ROWS, PAGE_ROWS + 1);
    await rest();
    expect(pages.row(PAGE_ROWS)?.run_id).toBe(`r${PAGE_ROWS - 1}`);
  });

  it("only announce new runs while one looks further down", async () => {
    const { state, pages } = server(5000);
    pages.open();
    pages.show(2000, 2040);
    await rest();
    state.ids.unshift("new 1", "new 2");
    pages.refresh();
    await rest();
    expect([pages.row(2000)?.run_id, pages.newer]).toEqual(["r2000", 2]);
    pages.show(0, 40);
    await rest();
    expect([pages.row(0)?.run_id, pages.newer, pages.find("r0")]).toEqual(["new 1", 0, 2]);
  });

  it("close the gap where a run was deleted", async () => {
    const { state, pages } = server(1000);
    pages.open();
    pages.show(PAGE_ROWS - 5, PAGE_ROWS + 5);
    await rest();
    state.ids.splice(3, 1);
    pages.refresh();
    await rest();
    const here = Array.from({ length: 12 }, (_, i) => pages.row(PAGE_ROWS - 6 + i)?.run_id);
    expect(here).toEqual(state.ids.slice(PAGE_ROWS - 6, PAGE_ROWS + 6));
    expect(pages.total).toBe(999);
  });

  it("forget where pages began before a run was deleted above them", async () => {
    const { state, pages } = server(2000);
    pages.open();
    for (let page = 0; page < 4; page += 1) {
      pages.show(page * PAGE_ROWS, page * PAGE_ROWS + 1);
      await rest();
    }
    pages.show(0, 40);
    await rest();
    state.ids.splice(3, 1);
    pages.refresh();
    await rest();
    pages.show(3 * PAGE_ROWS, 3 * PAGE_ROWS + 1);
    await rest();
    expect(pages.row(3 * PAGE_ROWS)?.run_id).toBe(state.ids[3 * PAGE_ROWS]);
  });

  it("keep what they have when a refresh fails, and try again when asked", async () => {
    const { state, pages } = server(10);
    pages.open();
    await rest();
    state.fails = true;
    pages.refresh();
    await rest();
    expect([pages.row(0)?.run_id, pages.error instanceof Error]).toEqual(["r0", true]);
    state.fails = false;
    pages.refresh();
    await rest();
    expect(pages.error).toBeNull();
  });

  it("know which parts of a row they have", async () => {
    const { state, pages } = server(10);
    pages.open();
    await rest();
    expect([covers(pages.fieldsAt(0), "status"), covers(pages.fieldsAt(0), "metrics.loss")]).toEqual([true, false]);
    pages.want("name,metrics.loss,params");
    await rest();
    expect([covers(pages.fieldsAt(0), "metrics.loss"), covers(pages.fieldsAt(0), "params.depth"), state.asks.length]).toEqual([true, true, 2]);
  });

  it("of nothing are ready and empty", async () => {
    const { pages } = server(0);
    pages.open();
    await rest();
    expect([pages.ready, pages.total]).toEqual([true, 0]);
  });
});
