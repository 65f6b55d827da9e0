// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from "vitest";
import { get, list, post, seg, url } from "./client";
import { ApiError } from "./problem";
import { writeToken } from "./token";

const answer = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(() => Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers })));

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(() => null, (reason: unknown) => reason);
  if (!(error instanceof ApiError)) throw new Error(`expected an ApiError, got ${String(error)}`);
  return error;
}

afterEach(() => writeToken(null));

describe("addresses", () => {
  it("escape what comes from outside", () => expect(`/models/${seg("a/b ?c")}`).toBe("/models/a%2Fb%20%3Fc"));
  it("leave out what is not given", () => expect(url("/runs", { limit: 5, page: undefined, filter: "metrics.mae < 30" })).toBe("/api/v1/runs?limit=5&filter=metrics.mae+%3C+30"));
});

describe("answers", () => {
  it("are JSON, lists give their items", async () => {
    answer({ items: [1, 2], next: null });
    expect(await list("/models")).toEqual([1, 2]);
  });
  it("that refuse carry the server's words", async () => {
    answer({ type: "x", title: "The checks failed", status: 412, code: "DATA_CHECKS_FAILED", detail: "1 check failed", hint: "look at the report", request_id: "req_1" }, 412);
    const error = await failure(post("/datasets/bikes/versions", {}));
    expect(error.problem).toEqual({ status: 412, code: "DATA_CHECKS_FAILED", title: "The checks failed", detail: "1 check failed", hint: "look at the report", request_id: "req_1" });
  });
  it("of strangers become problems too", async () => {
    answer("<html>bad gateway</html>", 502, { "X-Request-Id": "req_2" });
    expect((await failure(get("/status"))).problem).toMatchObject({ status: 502, code: "HTTP_502", request_id: "req_2" });
  });
  it("that never come say so", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("failed to fetch"));
    expect((await failure(get("/status"))).problem.code).toBe("UNREACHABLE");
  });
});

it("sends the token once there is one", async () => {
  const fetcher = answer({});
  const sent = () => new Headers(fetcher.mock.calls.at(-1)?.[1]?.headers).get("Authorization");
  await get("/status");
  expect(sent()).toBeNull();
  writeToken("pc_secret");
  await get("/status");
  expect(sent()).toBe("Bearer pc_secret");
});
