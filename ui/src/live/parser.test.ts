import { describe, expect, it } from "vitest";
import { sseParser } from "./parser";

const whole = 'id: 41\nevent: data.version_created\ndata: {"seq":41}\n\n: beat\n\nid: 42\r\ndata: one\r\ndata: two\r\n\r\n';

describe("sseParser", () => {
  it("reads ids, names and data of several lines", () => {
    expect(sseParser().feed(whole)).toEqual([
      { id: "41", event: "data.version_created", data: '{"seq":41}' },
      { id: "42", event: "message", data: "one\ntwo" },
    ]);
  });
  it("reads the same however the text is cut", () => {
    for (let size = 1; size < 9; size += 1) {
      const parser = sseParser();
      const messages = [];
      for (let at = 0; at < whole.length; at += size) messages.push(...parser.feed(whole.slice(at, at + size)));
      expect(messages, `pieces of ${size}`).toEqual(sseParser().feed(whole));
    }
  });
  it("keeps the last id for messages without one", () => {
    expect(sseParser().feed("id: 7\ndata: a\n\ndata: b\n\n").map((each) => each.id)).toEqual(["7", "7"]);
  });
  it("sends nothing for an event without data", () => expect(sseParser().feed("event: x\n\n")).toEqual([]));
  it("takes the server's wish for a pause", () => {
    const parser = sseParser();
    parser.feed("retry: 2500\nretry: soon\n\n");
    expect(parser.retryMs()).toBe(2500);
  });
});
