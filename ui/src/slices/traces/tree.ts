/** The tree of a trace's spans as rows of a waterfall. Pure functions. */
import type { Span } from "../../api/traces";

export interface Node {
  span: Span;
  depth: number;
  parent: string | null;
  children: string[];
  /** Its end; a span that goes on reaches to the end of what is known. */
  end_ns: number;
  /** The time in which none of its children worked. */
  self_ns: number;
  /** Whether an error is in it or below it. */
  failed: boolean;
}

export interface Tree {
  nodes: Map<string, Node>;
  roots: string[];
  /** Every span, parents before children. */
  order: string[];
  total_ns: number;
}

/** A span whose parent is missing stands at the top; spans that are each other's parents do too, each once. */
export function treeOf(spans: Span[]): Tree {
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  const below = new Map<string, Span[]>();
  const tops: Span[] = [];
  for (const span of byId.values()) {
    const parent = span.parent_id;
    const siblings = parent === null || !byId.has(parent) ? tops : below.get(parent) ?? [];
    siblings.push(span);
    if (parent !== null && siblings !== tops) below.set(parent, siblings);
  }
  const tree: Tree = { nodes: new Map(), roots: [], order: [], total_ns: spans.reduce((most, span) => Math.max(most, span.offset_ns + (span.duration_ns ?? 0)), 0) };
  for (const top of tops.toSorted(byStart)) place(top, tree, below);
  for (const span of byId.values()) if (!tree.nodes.has(span.span_id)) place(span, tree, below);
  for (const id of tree.order.toReversed()) sumUp(tree, id);
  return tree;
}

const byStart = (a: Span, b: Span): number => a.offset_ns - b.offset_ns || b.offset_ns + (b.duration_ns ?? 0) - (a.offset_ns + (a.duration_ns ?? 0));

/** Without recursion: a trace may be deeper than the browser's stack. */
function place(top: Span, tree: Tree, below: Map<string, Span[]>): void {
  tree.roots.push(top.span_id);
  const waiting: { span: Span; depth: number; parent: string | null }[] = [{ span: top, depth: 0, parent: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { span, depth, parent } = next;
    if (tree.nodes.has(span.span_id)) continue;
    const end_ns = span.duration_ns === null ? tree.total_ns : span.offset_ns + span.duration_ns;
    tree.nodes.set(span.span_id, { span, depth, parent, children: [], end_ns, self_ns: 0, failed: span.status === "ERROR" });
    tree.order.push(span.span_id);
    if (parent !== null) tree.nodes.get(parent)?.children.push(span.span_id);
    for (const child of (below.get(span.span_id) ?? []).toSorted(byStart).toReversed()) waiting.push({ span: child, depth: depth + 1, parent: span.span_id });
  }
}

function sumUp(tree: Tree, id: string): void {
  const node = tree.nodes.get(id);
  if (node === undefined) return;
  let busy = 0;
  let reached = node.span.offset_ns;
  for (const child of node.children) {
    const each = tree.nodes.get(child);
    if (each === undefined) continue;
    // Children stand in the order of their beginnings, so what overlaps is counted once.
    const from = Math.max(reached, each.span.offset_ns);
    const to = Math.min(node.end_ns, each.end_ns);
    if (to > from) busy += to - from;
    reached = Math.max(reached, to);
    node.failed ||= each.failed;
  }
  node.self_ns = Math.max(0, node.end_ns - node.span.offset_ns - busy);
}

/** The rows on show: every span whose ancestors are all open. */
export function rowsOf(tree: Tree, closed: ReadonlySet<string>): string[] {
  if (closed.size === 0) return tree.order;
  const rows: string[] = [];
  let hiddenBelow: number | null = null;
  for (const id of tree.order) {
    const depth = tree.nodes.get(id)?.depth ?? 0;
    if (hiddenBelow !== null && depth > hiddenBelow) continue;
    rows.push(id);
    hiddenBelow = closed.has(id) ? depth : null;
  }
  return rows;
}

/** The spans above one, from its parent up. */
export function ancestorsOf(tree: Tree, id: string): string[] {
  const found: string[] = [];
  for (let at = tree.nodes.get(id)?.parent ?? null; at !== null; at = tree.nodes.get(at)?.parent ?? null) found.push(at);
  return found;
}

export type TreeStep = { pick: string } | { open: string } | { close: string } | null;

/** What a key does at a row, as in every tree: left closes or goes up, right opens or goes down. */
export function stepFrom(tree: Tree, rows: string[], closed: ReadonlySet<string>, at: string, key: string, page: number): TreeStep {
  const index = rows.indexOf(at);
  const node = tree.nodes.get(at);
  const to = (place: number): TreeStep => {
    const id = rows[Math.min(Math.max(place, 0), rows.length - 1)];
    return id === undefined || id === at ? null : { pick: id };
  };
  switch (key) {
    case "ArrowDown": return to(index + 1);
    case "ArrowUp": return to(index - 1);
    case "PageDown": return to(index + page);
    case "PageUp": return to(index - page);
    case "Home": return to(0);
    case "End": return to(rows.length - 1);
    case "ArrowLeft":
      if (node === undefined) return null;
      if (node.children.length > 0 && !closed.has(at)) return { close: at };
      return node.parent === null ? null : { pick: node.parent };
    case "ArrowRight": {
      const first = node?.children[0];
      if (first === undefined) return null;
      return closed.has(at) ? { open: at } : { pick: first };
    }
    default: return null;
  }
}

/** The next span in which an error happened, from one on and around. */
export function nextError(tree: Tree, from: string): string | null {
  const start = tree.order.indexOf(from);
  for (let step = 1; step <= tree.order.length; step += 1) {
    const id = tree.order[(start + step) % tree.order.length];
    if (id !== undefined && tree.nodes.get(id)?.span.status === "ERROR") return id;
  }
  return null;
}

/** The ticks of the time axis: a handful of round distances within the whole. */
export function ticksOf(total_ns: number, most = 5): number[] {
  if (!(total_ns > 0)) return [0];
  const rough = total_ns / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * size >= rough) ?? 10) * size;
  return Array.from({ length: Math.floor(total_ns / step) + 1 }, (_, i) => i * step);
}
