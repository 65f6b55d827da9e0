import { describe, expect, it } from "vitest";
import { MAX_ROWS, parseRows } from "./csv";
import { framed } from "./frame";
import { decoded, foldersOf, imageType, isBinary, kindOf } from "./kinds";
import { type Block, type Inline, inlines, parseMarkdown } from "./parseMarkdown";
import { NotOnnx, readOnnx } from "./readOnnx";

describe("kinds", () => {
  it("go by the end of the name", () => {
    const kinds = { "a/data.CSV": "table", "x.tsv": "table", "model/MLmodel": "text", "m.onnx": "onnx", "p.png": "image", "r.html": "html", "R.MD": "markdown", "v.mp4": "media", "w.bin": "other", noend: "other", "requirements.txt": "text" };
    for (const [path, kind] of Object.entries(kinds)) expect([path, kindOf(path)]).toEqual([path, kind]);
  });
  it("give images types of our own", () => expect(["a.jpg", "a.svg", "a.png"].map(imageType)).toEqual(["image/jpeg", "image/svg+xml", "image/png"]));
  it("name the folders above", () => expect([foldersOf("a/b/c.txt"), foldersOf("c.txt")]).toEqual([["a", "a/b"], []]));
  it("tell bytes from text and bear a cut character", () => {
    expect([isBinary(new Uint8Array([65, 0])), isBinary(new Uint8Array([65, 66]))]).toEqual([true, false]);
    expect(decoded(new TextEncoder().encode("aé").slice(0, 2))).toBe("a");
  });
});

describe("separated values", () => {
  const rows = (text: string, whole = true) => { const { head, rows: list } = parseRows(text, whole); return [head, ...list]; };
  it("read quotes, line ends and a byte order mark as written", () => {
    expect(rows('\ufeffa,b\r\n"x, ""y""","two\nlines"\r\n1,2')).toEqual([["a", "b"], ['x, "y"', "two\nlines"], ["1", "2"]]);
    expect(rows('a,b\n,\n"",x\n')).toEqual([["a", "b"], ["", ""], ["", "x"]]);
    expect(rows('a,b\nsay "hi",2')).toEqual([["a", "b"], ['say "hi"', "2"]]);
  });
  it("find their separator", () => expect(["a;b\n1;2", "a\tb\n1\t2", "a|b\n1|2"].map((text) => rows(text)[1])).toEqual([["1", "2"], ["1", "2"], ["1", "2"]]));
  it("leave out a last line that may be cut", () => expect(rows("a,b\n1,2\n3,", false)).toEqual([["a", "b"], ["1", "2"]]));
  it("end at a thousand rows, and say so", () => {
    const many = parseRows(`a\n${"1\n".repeat(MAX_ROWS + 5)}`, true);
    expect([many.rows.length, many.cut.rows]).toEqual([MAX_ROWS, true]);
    const exact = parseRows(`a\n${"1\n".repeat(MAX_ROWS)}`, true);
    expect([exact.rows.length, exact.cut.rows]).toEqual([MAX_ROWS, false]);
  });
  it("know columns of numbers", () => expect(parseRows("a,b,c\n1,x,\n-2.5e3,1,\nnan,2,", true).numeric).toEqual([true, false, false]));
  it("give back what any writer of the format wrote", () => {
    const words = ["", "a", 'q"q', "c,c", "n\nn", "ü", " s ", '""'];
    for (let seed = 1; seed < 200; seed += 1) {
      const table = Array.from({ length: 1 + (seed % 5) }, (_, row) => Array.from({ length: 2 + (seed % 3) }, (__, column) => words[(seed * 7 + row * 5 + column * 3) % words.length] ?? ""));
      const text = table.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(",")).join("\r\n");
      const read = parseRows(text, true, ",");
      expect([read.head, ...read.rows]).toEqual(table);
    }
  });
});

/** A writer of protocol buffers as small as the reader. */
function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
}
const int = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const part = (field: number, bytes: number[]) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
const word = (field: number, text: string) => part(field, [...new TextEncoder().encode(text)]);
const value = (field: number, name: string, type: number, dims: number[][]) => part(field, [...word(1, name), ...part(2, part(1, [...int(1, type), ...part(2, dims.flatMap((dim) => part(1, dim)))]))]);

describe("an ONNX file", () => {
  const graph = [
    ...part(1, [...word(1, "x"), ...word(2, "y"), ...word(4, "Gemm")]), ...part(1, word(4, "Relu")), ...part(1, word(4, "Relu")), ...part(1, [...word(4, "TreeEnsemble"), ...word(7, "ai.onnx.ml")]),
    ...word(2, "net"), ...part(5, [...int(1, 7), ...int(1, 100), ...int(2, 1), ...word(8, "W")]), ...part(5, [...part(1, [...varint(10), ...varint(300)]), ...word(8, "packed")]),
    ...value(11, "x", 1, [word(2, "batch"), int(1, 7)]), ...value(11, "W", 1, [int(1, 7)]), ...value(12, "y", 7, [int(1, -1), []]),
  ];
  const file = new Uint8Array([...int(1, 9), ...word(2, "skl2onnx"), ...word(3, "1.17"), ...part(7, graph), ...part(8, int(2, 17)), ...part(8, [...word(1, "ai.onnx.ml"), ...int(2, 3)]), 13 * 8 + 5, 1, 2, 3, 4]);
  it("says what it is", () => {
    expect(readOnnx(file)).toEqual({
      irVersion: 9, producer: "skl2onnx 1.17", graph: "net", nodes: 4, parameters: 700 + 3000,
      opsets: [{ domain: "", version: 17 }, { domain: "ai.onnx.ml", version: 3 }],
      inputs: [{ name: "x", type: "float32", shape: ["batch", "7"] }], outputs: [{ name: "y", type: "int64", shape: ["any", "any"] }],
      operators: [{ name: "Relu", count: 2 }, { name: "ai.onnx.ml.TreeEnsemble", count: 1 }, { name: "Gemm", count: 1 }],
    });
  });
  it("is refused, and never goes on for long, when it is cut or none", () => {
    for (let length = 0; length < file.length; length += 1) {
      try {
        readOnnx(file.slice(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(NotOnnx);
      }
    }
    for (let seed = 1; seed < 300; seed += 1) {
      const noise = file.map((byte, index) => ((index * seed) % 11 === 0 ? (byte * seed + index) % 256 : byte));
      try {
        readOnnx(noise);
      } catch (error) {
        expect(error).toBeInstanceOf(NotOnnx);
      }
    }
    expect(() => readOnnx(new TextEncoder().encode("<html>"))).toThrow(NotOnnx);
    expect(() => readOnnx(new Uint8Array([7 * 8 + 2, 0xff, 0xff, 0xff, 0xff, 0x7f, 1]))).toThrow("longer than the file");
  });
});

describe("Markdown", () => {
  const words = (inner: Inline[]): string => inner.map((each) => ("text" in each ? each.text : words(each.inner))).join("");
  const said = (block: Block): string => ("inner" in block ? `${block.is}: ${words(block.inner)}` : block.is === "list" ? `${block.ordered ? "ol" : "ul"}: ${block.items.map((item) => `${item.depth}${words(item.inner)}`).join("/")}` : block.is === "table" ? `table: ${[block.head, ...block.rows].map((row) => row.map(words).join("+")).join("/")}` : block.is === "code" ? `code: ${block.text}` : block.is);
  it("falls into blocks", () => {
    expect(parseMarkdown("# Title #\n\nOne\ntwo\n- a\n  - b\n1. c\n> q\n```py\nx = 1\n# no\n```\n---\n| a | b |\n|---|---|\n| 1 | 2 |\nend").map(said))
      .toEqual(["heading: Title", "paragraph: One\ntwo", "ul: 0a/1b/0c", "quote: q", "code: x = 1\n# no", "rule", "table: a+b/1+2", "paragraph: end"]);
  });
  it("marks words", () => expect(inlines("a **b** `c` *d* ~~e~~ [f](https://x.org) https://y.org").map((each) => each.is)).toEqual(["text", "strong", "text", "code", "text", "em", "text", "del", "text", "link", "text", "link"]));
  it("leads to the web and nowhere else, and loads no image", () => {
    expect(inlines("[a](javascript:alert(1)) [b](data:text/html,x) [c](/runs) ![d](https://x.org/pixel.png)").every((each) => each.is === "text")).toBe(true);
  });
  it("leaves HTML text", () => expect(parseMarkdown("<script>alert(1)</script>").map(said)).toEqual(["paragraph: <script>alert(1)</script>"]));
  it("is not slow for texts made to be slow", () => {
    for (const text of ["[".repeat(50_000), "*".repeat(50_000), "`a".repeat(50_000), "[a](".repeat(20_000), `|${"-".repeat(5000)}\n|${"-|".repeat(5000)}x`, "> ".repeat(30_000), "- ".repeat(30_000), `${"_ ".repeat(20_000)}x`]) {
      expect(parseMarkdown(text).length).toBeGreaterThan(0);
    }
  });
});

describe("a framed page", () => {
  it("begins with our policy, before anything of its own", () => {
    const page = framed('<meta http-equiv="Content-Security-Policy" content="script-src *"><script>1</script>');
    expect(page.indexOf("default-src 'none'")).toBeGreaterThan(0);
    expect(page.indexOf("default-src 'none'")).toBeLessThan(page.indexOf("script-src *"));
    expect(page).not.toContain("allow-");
  });
});
