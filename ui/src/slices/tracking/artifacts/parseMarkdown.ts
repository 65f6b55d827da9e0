/** The part of Markdown that notes of models use, as data. What is drawn from it are our own elements; HTML in it stays text. */

export type Inline =
  | { is: "text" | "code"; text: string }
  | { is: "strong" | "em" | "del"; inner: Inline[] }
  | { is: "link"; to: string; inner: Inline[] };

export type Block =
  | { is: "heading"; level: number; inner: Inline[] }
  | { is: "paragraph"; inner: Inline[] }
  | { is: "code"; text: string }
  | { is: "list"; ordered: boolean; items: { depth: number; inner: Inline[] }[] }
  | { is: "quote"; inner: Inline[] }
  | { is: "table"; head: Inline[][]; rows: Inline[][][] }
  | { is: "rule" };

const MAX_BLOCKS = 5000;
const MAX_NESTING = 4;

const FENCE = /^\s{0,3}(```|~~~)/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.{0,1000})/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^\s{0,3}([-*_])\s*(\1\s*){2,}$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function parseMarkdown(text: string): Block[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length && blocks.length < MAX_BLOCKS) {
    const [block, next] = blockAt(lines, at);
    if (block !== null) blocks.push(block);
    at = next;
  }
  return blocks;
}

function blockAt(lines: string[], at: number): [Block | null, number] {
  const line = lines[at] ?? "";
  if (line.trim() === "") return [null, at + 1];
  if (FENCE.test(line)) return codeAt(lines, at);
  const heading = HEADING.exec(line);
  if (heading !== null) return [{ is: "heading", level: heading[1]?.length ?? 1, inner: inlines((heading[2] ?? "").replace(/\s#{1,6}\s*$/, "")) }, at + 1];
  if (line.length < 200 && RULE.test(line)) return [{ is: "rule" }, at + 1];
  if (QUOTE.test(line)) return gather(lines, at, (each) => QUOTE.exec(each)?.[1] ?? null, (text) => ({ is: "quote", inner: inlines(text) }));
  if (ITEM.test(line)) return listAt(lines, at);
  if (line.includes("|") && isTableRule(lines[at + 1])) return tableAt(lines, at);
  return gather(lines, at, (each, index) => (index === 0 || !startsOther(each) ? each.trim() : null), (text) => ({ is: "paragraph", inner: inlines(text) }));
}

const isTableRule = (line: string | undefined): boolean => line !== undefined && line.length < 2000 && line.includes("-") && line.includes("|") && TABLE_RULE.test(line);
const startsOther = (line: string): boolean => line.trim() === "" || FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || ITEM.test(line);

function gather(lines: string[], from: number, take: (line: string, index: number) => string | null, make: (text: string) => Block): [Block, number] {
  const taken: string[] = [];
  let at = from;
  for (; at < lines.length; at += 1) {
    const text = take(lines[at] ?? "", at - from);
    if (text === null) break;
    taken.push(text);
  }
  return [make(taken.join("\n")), at];
}

function codeAt(lines: string[], from: number): [Block, number] {
  const fence = FENCE.exec(lines[from] ?? "")?.[1] ?? "```";
  let at = from + 1;
  while (at < lines.length && !(lines[at] ?? "").trim().startsWith(fence)) at += 1;
  return [{ is: "code", text: lines.slice(from + 1, at).join("\n") }, at + 1];
}

function listAt(lines: string[], from: number): [Block, number] {
  const items: { depth: number; text: string }[] = [];
  const ordered = /^\s*\d/.test(lines[from] ?? "");
  let at = from;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const item = ITEM.exec(line);
    const last = items.at(-1);
    if (item !== null) items.push({ depth: Math.min(MAX_NESTING, Math.floor((item[1]?.replaceAll("\t", "    ").length ?? 0) / 2)), text: item[3] ?? "" });
    else if (last !== undefined && line.trim() !== "" && /^\s/.test(line)) last.text += `\n${line.trim()}`;
    else break;
  }
  return [{ is: "list", ordered, items: items.map((item) => ({ depth: item.depth, inner: inlines(item.text) })) }, at];
}

const cellsOf = (line: string): Inline[][] => line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => inlines(cell.trim()));

function tableAt(lines: string[], from: number): [Block, number] {
  let at = from + 2;
  const rows: Inline[][][] = [];
  for (; at < lines.length && (lines[at] ?? "").includes("|"); at += 1) rows.push(cellsOf(lines[at] ?? ""));
  return [{ is: "table", head: cellsOf(lines[from] ?? ""), rows }, at];
}

/** Lengths are bounded, so that no text makes the search go back over itself for long. */
const MARK = /`([^`\n]{1,500})`|\*\*([^*\n]{1,500})\*\*|__([^_\n]{1,500})__|\*([^*\n]{1,500})\*|~~([^~\n]{1,500})~~|!?\[([^\]\n]{0,300})\]\(([^)\s]{0,1000})(?:\s[^)]{0,300})?\)|(https?:\/\/[^\s<>()]{1,1000})/g;

export function inlines(text: string, nesting = 0): Inline[] {
  if (nesting > MAX_NESTING) return [{ is: "text", text }];
  const found: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(MARK)) {
    const [whole, code, strong, under, em, del, label, to, bare] = match;
    if (match.index > from) found.push({ is: "text", text: text.slice(from, match.index) });
    from = match.index + whole.length;
    const bold = strong ?? under;
    if (code !== undefined) found.push({ is: "code", text: code });
    else if (bold !== undefined) found.push({ is: "strong", inner: inlines(bold, nesting + 1) });
    else if (em !== undefined) found.push({ is: "em", inner: inlines(em, nesting + 1) });
    else if (del !== undefined) found.push({ is: "del", inner: inlines(del, nesting + 1) });
    else if (bare !== undefined) found.push({ is: "link", to: bare, inner: [{ is: "text", text: bare }] });
    else found.push(linkOf(whole.startsWith("!"), label ?? "", to ?? "", nesting));
  }
  if (from < text.length) found.push({ is: "text", text: text.slice(from) });
  return found;
}

/** Only addresses of the web lead somewhere; images are named and not loaded. */
function linkOf(image: boolean, label: string, to: string, nesting: number): Inline {
  if (image) return { is: "text", text: label === "" ? "[image]" : `[image: ${label}]` };
  if (!/^https?:\/\//i.test(to)) return { is: "text", text: label };
  return { is: "link", to, inner: inlines(label, nesting + 1) };
}
