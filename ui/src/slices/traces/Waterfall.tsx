import { type CSSProperties, type KeyboardEvent, type ReactNode, useEffect, useMemo, useState } from "react";
import { Button } from "../../kit/Button";
import { micros } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { Dot } from "../../kit/State";
import { useVirtual } from "../../kit/useVirtual";
import { FAMILY_WORDS, familyOf, kindWords } from "./facts";
import { type Node, type Tree, nextError, rowsOf, stepFrom, ticksOf } from "./tree";

const ROW = 28;
const HEAD = 28;
/** A label that begins beyond this part of the axis would be cut at its end. */
const LAST_LABEL = 0.85;
/** Levels that move to the right; deeper spans stand under each other, and their level is told to readers only. */
const MAX_INDENT = 14;

interface WaterfallProps {
  tree: Tree;
  closed: ReadonlySet<string>;
  setClosed: (closed: ReadonlySet<string>) => void;
  picked: string;
  onPick: (id: string) => void;
}

/**
 * The spans over time, as a tree whose keys are those of every tree. The box has the focus and names the picked row, since rows out
 * of view do not exist.
 */
export function Waterfall({ tree, closed, setClosed, picked, onPick }: WaterfallProps): ReactNode {
  const rows = useMemo(() => rowsOf(tree, closed), [tree, closed]);
  const [zoomed, setZoomed] = useState<string | null>(null);
  const window = useMemo(() => windowOf(tree, zoomed), [tree, zoomed]);
  const ticks = useMemo(() => ticksOf(window.size), [window]);
  const errors = useMemo(() => tree.order.filter((id) => tree.nodes.get(id)?.span.status === "ERROR").length, [tree]);
  const families = useMemo(() => new Set(tree.order.map((id) => familyOf(tree.nodes.get(id)?.span.kind ?? null))), [tree]);
  const { box, first, last, onScroll, show, fits } = useVirtual(rows.length, ROW, HEAD);
  const at = rows.indexOf(picked);
  useEffect(() => show(at), [show, at]);
  const set = (id: string, close: boolean) => {
    const next = new Set(closed);
    if (close) next.add(id);
    else next.delete(id);
    setClosed(next);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = stepFrom(tree, rows, closed, picked, event.key, fits);
    if (step === null && !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    if (step === null) return;
    if ("pick" in step) onPick(step.pick);
    else if ("open" in step) set(step.open, false);
    else set(step.close, true);
  };
  const parents = tree.order.filter((id) => (tree.nodes.get(id)?.children.length ?? 0) > 0);
  const error = errors === 0 ? null : nextError(tree, picked);
  const step = ticks[1] ?? window.size;
  return (
    <Panel className="waterfall-panel" title="Spans" flush aside={<>
      {error !== null && <Button kind="ghost" onClick={() => onPick(error)}><Dot tone="bad" />{errors === 1 ? "1 error" : `Next of ${errors} errors`}</Button>}
      {zoomed === picked || tree.roots[0] === picked
        ? zoomed !== null && <Button kind="ghost" onClick={() => setZoomed(null)}>Whole time</Button>
        : <Button kind="ghost" onClick={() => setZoomed(picked)} title="Show only the time of the picked span">Zoom in</Button>}
      {parents.length > 1 && <Button kind="ghost" onClick={() => setClosed(closed.size === 0 ? new Set(parents.filter((id) => tree.nodes.get(id)?.parent !== null || tree.roots.length > 1)) : new Set())}>{closed.size === 0 ? "Fold all" : "Unfold all"}</Button>}
    </>}>
      <div className="waterfall" ref={box} onScroll={onScroll} onKeyDown={onKey} tabIndex={0} role="tree" aria-label="Spans" aria-activedescendant={at < 0 ? undefined : `span-${picked}`}
        style={{ "--tick": window.size > 0 ? `${(100 * step) / window.size}%` : "100%" } as CSSProperties}>
        <div className="waterfall-head" aria-hidden="true">
          <span className="w-name">Span</span><span className="num w-num">Took</span><span className="num w-num w-self">Self</span>
          <span className="w-axis">{ticks.map((tick) => (tick <= window.size * LAST_LABEL ? <i key={tick} style={{ left: part(tick, window.size) }}>{tick === 0 ? "0" : micros(tick / 1000)}</i> : null))}</span>
        </div>
        <div role="none" style={{ height: rows.length * ROW, position: "relative" }}>
          {rows.slice(first, last).map((id, index) => {
            const node = tree.nodes.get(id);
            return node === undefined ? null : (
              <Row key={id} node={node} top={(first + index) * ROW} place={first + index + 1} of={rows.length} window={window} folded={closed.has(id)} picked={id === picked}
                onPick={() => onPick(id)} onFold={() => set(id, !closed.has(id))} />
            );
          })}
        </div>
      </div>
      <ul className="legend">{FAMILY_WORDS.filter(([family]) => families.has(family)).map(([family, words]) => <li key={family}><i className={`swatch family-${family}`} />{words}</li>)}</ul>
    </Panel>
  );
}

interface Window {
  from: number;
  size: number;
}

/** The time on show: all of it, or that of one span. */
function windowOf(tree: Tree, zoomed: string | null): Window {
  const node = zoomed === null ? undefined : tree.nodes.get(zoomed);
  return node === undefined || node.end_ns <= node.span.offset_ns ? { from: 0, size: tree.total_ns } : { from: node.span.offset_ns, size: node.end_ns - node.span.offset_ns };
}

const part = (value: number, total: number): string => `${total > 0 ? (100 * value) / total : 0}%`;

interface RowProps {
  node: Node;
  top: number;
  place: number;
  of: number;
  window: Window;
  folded: boolean;
  picked: boolean;
  onPick: () => void;
  onFold: () => void;
}

function Row({ node, top, place, of, window, folded, picked, onPick, onFold }: RowProps): ReactNode {
  const { span, depth, children } = node;
  const failed = span.status === "ERROR";
  const hidden = folded && node.failed && !failed;
  const took = span.duration_ns === null ? "running" : micros(span.duration_ns / 1000);
  return (
    // The tree has the focus and the keys; a row is for the pointer.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div id={`span-${span.span_id}`} role="treeitem" aria-level={depth + 1} aria-posinset={place} aria-setsize={of} aria-selected={picked} aria-expanded={children.length > 0 ? !folded : undefined}
      className={`w-row ${picked ? "picked" : ""} ${failed ? "failed" : ""}`} style={{ top, height: ROW }} onClick={onPick}>
      <span className="w-name" style={{ paddingLeft: 10 + Math.min(depth, MAX_INDENT) * 13 }}>
        {children.length > 0
          // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
          ? <span className={`w-fold ${folded ? "" : "open"}`} aria-hidden="true" onClick={(event) => { event.stopPropagation(); onFold(); }}><svg width="10" height="10" viewBox="0 0 10 10"><path d="M3.5 2l3.500 3-3.500 3" fill="none" stroke="currentColor" strokeWidth="1.500" /></svg></span>
          : <span className="w-fold" aria-hidden="true" />}
        <i className={`swatch family-${familyOf(span.kind)}`} title={kindWords(span.kind)} />
        <span className="truncate" title={span.name}>{span.name}</span>
        <span className="visually-hidden">, {kindWords(span.kind)}{failed ? ", failed" : hidden ? ", an error below" : ""}, </span>
        {folded && <span className="faint small" aria-hidden="true">{children.length}</span>}
        {(failed || hidden) && <Dot tone={failed ? "bad" : "warn"} />}
      </span>
      <span className="num w-num">{took}</span>
      <span className="num w-num w-self" aria-hidden="true">{micros(node.self_ns / 1000)}</span>
      <span className="w-track"><i className={`w-bar family-${familyOf(span.kind)} ${span.duration_ns === null ? "running" : ""}`} style={{ left: part(span.offset_ns - window.from, window.size), width: part(node.end_ns - span.offset_ns, window.size) }} /></span>
    </div>
  );
}
