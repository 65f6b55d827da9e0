import { describe, expect, it } from "vitest";
import type { SseMessage } from "./parser";
import { FIRST_WAIT_MS, LONGEST_WAIT_MS, type StreamState, backoff, openStream } from "./stream";

/** A server that gives one scripted answer per connection and remembers what it was asked. */
function scripted(answers: (() => Response)[]) {
  const asked: (string | null)[] = [];
  const fetcher = ((_: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get("Last-Event-ID"));
    const answer = answers.shift();
    return answer === undefined ? new Promise<Response>(() => {}) : Promise.resolve().then(answer);
  }) as unknown as typeof fetch;
  return { asked, fetcher };
}

const events = (text: string) => () => new Response(text, { status: 200 });
const refused = () => new Response("", { status: 503 });
const lost = () => {
  throw new TypeError("network");
};

/** Runs a stream until it has said `states` times that it waits, then closes it. */
async function play(answers: (() => Response)[], options: { endEvent?: string } = {}) {
  const server = scripted(answers);
  const messages: SseMessage[] = [];
  const states: StreamState[] = [];
  const waits: number[] = [];
  let resumes = 0;
  const connections = answers.length;
  await new Promise<void>((resolve) => {
    const close = openStream({
      url: "http://test/stream",
      fetch: server.fetcher,
      onMessage: (message) => messages.push(message),
      onResume: () => (resumes += 1),
      onState: (state) => {
        states.push(state);
        if (state === "closed") resolve();
      },
      wait: (ms) => {
        waits.push(ms);
        if (waits.length === connections) close();
        return Promise.resolve();
      },
      ...options,
    });
  });
  return { messages, states, waits, resumes, asked: server.asked };
}

describe("openStream", () => {
  it("asks to go on after the last id it saw", async () => {
    const seen = await play([events("id: 5\ndata: a\n\n"), events("id: 6\ndata: b\n\n"), events("")]);
    expect(seen.asked).toEqual([null, "5", "6"]);
    expect(seen.messages.map((each) => each.data)).toEqual(["a", "b"]);
  });
  it("says that it stands again, but not for the first time", async () => {
    expect((await play([events(""), events("")])).resumes).toBe(1);
    expect((await play([refused, events("")])).resumes).toBe(0);
  });
  it("waits longer after each failure and starts over after a success", async () => {
    const seen = await play([refused, lost, refused, events(""), refused]);
    expect(seen.waits).toEqual([500, 1000, 2000, 500, 1000]);
  });
  it("keeps the pause the server wishes", async () => {
    expect((await play([events("retry: 50\ndata: x\n\n")])).waits).toEqual([50]);
  });
  it("ends at the end event", async () => {
    const server = scripted([events("data: a\n\nevent: end\ndata: {}\n\n")]);
    const got: string[] = [];
    await new Promise<void>((resolve) => openStream({ url: "x", fetch: server.fetcher, endEvent: "end", onMessage: (each) => got.push(each.data), onState: (state) => state === "closed" && resolve() }));
    expect(got).toEqual(["a"]);
    expect(server.asked).toHaveLength(1);
  });
  it("reports its states in order", async () => {
    expect((await play([events("")])).states).toEqual(["connecting", "open", "waiting", "closed"]);
  });
});

it("never waits for ever", () => {
  expect(backoff(0)).toBe(FIRST_WAIT_MS);
  expect(backoff(99)).toBe(LONGEST_WAIT_MS);
});
