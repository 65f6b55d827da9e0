import { describe, expect, it } from "vitest";
import { type KeyInput, SEQUENCE_MS, keyReader } from "./keys";
import { PLACES, isIn } from "./nav";
import { search } from "./search";

const key = (name: string, more: Partial<KeyInput> = {}): KeyInput => ({ key: name, ctrl: false, alt: false, typing: false, at: 0, ...more });

describe("keys", () => {
  it("go to every place by its own second key", () => {
    expect(new Set(PLACES.map((place) => place.key)).size).toBe(PLACES.length);
    for (const place of PLACES) {
      const read = keyReader();
      expect(read(key("g"))).toBeNull();
      expect(read(key(place.key, { at: 300 }))).toEqual({ do: "go", to: place.to });
    }
  });
  it("forget a `g` that was too long ago", () => {
    const read = keyReader();
    read(key("g"));
    expect(read(key("m", { at: SEQUENCE_MS + 1 }))).toBeNull();
  });
  it("leave typing alone, but for the palette", () => {
    const read = keyReader();
    expect(read(key("j", { typing: true }))).toBeNull();
    expect(read(key("/", { typing: true }))).toBeNull();
    expect(read(key("k", { ctrl: true, typing: true }))).toEqual({ do: "palette" });
  });
  it("walk rows and ask for help", () => {
    const read = keyReader();
    expect([read(key("j")), read(key("k")), read(key("?")), read(key("x"))]).toEqual([{ do: "row", by: 1 }, { do: "row", by: -1 }, { do: "help" }, null]);
  });
});

describe("places", () => {
  const at = (pathname: string) => PLACES.filter((place) => isIn(place, pathname)).map((place) => place.label);
  it("own their objects and nothing else's", () => {
    expect([at("/"), at("/models/bikes/versions/3"), at("/gate-decisions/gd_1"), at("/pipeline-runs/run_1"), at("/releases/rel_1"), at("/runs/8a"), at("/nowhere")])
      .toEqual([["Overview"], ["Models"], ["Models"], ["Pipelines"], ["Deployments"], ["Runs"], []]);
  });
});

describe("search", () => {
  const entries = [{ id: "1", label: "Models", hint: "g m" }, { id: "2", label: "bikes", hint: "model" }, { id: "3", label: "bikes/4", hint: "latest version" }, { id: "4", label: "old bikes run", hint: "run" }];
  const found = (text: string) => search(entries, text).map((entry) => entry.label);
  it("prefers the exact, then beginnings", () => expect(found("bikes")).toEqual(["bikes", "bikes/4", "old bikes run"]));
  it("wants every word, wherever it stands", () => expect(found("version bikes")).toEqual(["bikes/4"]));
  it("shows all for nothing and nothing for nonsense", () => expect([found("").length, found("zebra").length]).toEqual([4, 0]));
});
