import { type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type GridColumn, gridColumn } from "../columns";
import { Header } from "./Header";
import type { Rows } from "./items";
import { Row, type RowActs } from "./Row";
import { useGridKeys } from "./useGridKeys";
import { useSight } from "./useSight";
import type { SortOrder } from "./view";
import { between, offsets, rowsBetween } from "./window";

export const ROW_HEIGHT = 36;
const HEADER_HEIGHT = 34;
const PICK_WIDTH = 38;
const NAME_WIDTH = 236;
const NAME_WIDTH_PHONE = 148;
const PHONE = 560;
/** Rows and pixels drawn outside of what is in sight, so that a fast hand does not see the edge. */
const SPARE_ROWS = 6;
const SPARE_PX = 240;
/** Browsers give up placing things beyond some 17 million pixels. */
const ROWS_MAX = 400_000;

interface GridProps {
  rows: Rows;
  columns: string[];
  widths: Record<string, number>;
  order: SortOrder | null;
  selected: ReadonlySet<string>;
  /** What rules said about runs, by their ids. */
  marks: ReadonlyMap<string, string>;
  allPicked: boolean;
  onTurn: (column: string) => void;
  onWidth: (column: string, width: number) => void;
  /** A row was picked, or with `range` all from the last one that was. */
  onPick: (index: number, range: boolean) => void;
  onPickAll: () => void;
  onOpenGroup: (key: string) => void;
  /** What is in sight: rows, and columns by their place. */
  onSight: (rows: [number, number], columns: [number, number]) => void;
}

/** A table of which only what is in sight is on the page, in both directions. */
export function Grid({ rows, columns: ids, widths, order, selected, marks, allPicked, onTurn, onWidth, onPick, onPickAll, onOpenGroup, onSight }: GridProps): ReactNode {
  const [box, sight, onScroll] = useSight<HTMLDivElement>();
  const [active, setActive] = useState(-1);
  const count = Math.min(rows.count, ROWS_MAX);
  const columns = useMemo(() => ids.map((id) => gridColumn(id, widths[id])), [ids, widths]);
  const starts = useMemo(() => offsets(columns.map((column) => column.width)), [columns]);
  const nameWidth = widths["name"] ?? (sight.width > 0 && sight.width < PHONE ? NAME_WIDTH_PHONE : NAME_WIDTH);
  const pinned = PICK_WIDTH + nameWidth;
  const [firstRow, lastRow] = rowsBetween(sight.top, Math.max(0, sight.height - HEADER_HEIGHT), ROW_HEIGHT, count, SPARE_ROWS);
  const [firstColumn, lastColumn] = between(starts, Math.max(0, sight.left - SPARE_PX), sight.left + Math.max(0, sight.width - pinned) + SPARE_PX);
  const shown = useMemo((): Shown => ({ columns: columns.slice(firstColumn, lastColumn + 1), before: starts[firstColumn] ?? 0, first: firstColumn }), [columns, starts, firstColumn, lastColumn]);
  useEffect(() => {
    if (sight.height > 0) onSight([Math.min(count, firstRow + SPARE_ROWS), lastRow], [firstColumn, lastColumn]);
  }, [onSight, sight.height, count, firstRow, lastRow, firstColumn, lastColumn]);
  useAnchor(box, rows, sight.top);
  const acts = useActs({ onPick, onOpenGroup, onActive: setActive });
  const goTo = useCallback((index: number) => {
    setActive(index);
    reveal(box.current, index);
  }, [box]);
  useGridKeys({ box, active, count, onGo: goTo, onPick });
  const total = pinned + (starts.at(-1) ?? 0);
  return (
    // The grid scrolls in both directions, so the keyboard must reach it.
    <div ref={box} className="run-grid" role="grid" aria-label="Runs" aria-rowcount={rows.count + 1} aria-colcount={columns.length + 2} aria-multiselectable="true" tabIndex={0} onScroll={onScroll}
      style={{ "--name": `${nameWidth}px`, "--pick": `${PICK_WIDTH}px`, "--row": `${ROW_HEIGHT}px`, "--head": `${HEADER_HEIGHT}px` } as React.CSSProperties}>
      <div className="run-canvas" role="presentation" style={{ width: total, height: HEADER_HEIGHT + count * ROW_HEIGHT }}>
        <Header shown={shown} nameWidth={nameWidth} order={order} allPicked={allPicked} onTurn={onTurn} onWidth={onWidth} onPickAll={onPickAll} />
        {Array.from({ length: Math.max(0, lastRow - firstRow + 1) }, (_, i) => firstRow + i).map((index) => {
          const item = rows.at(index);
          return <Row key={item?.key ?? `wait ${index}`} index={index} top={HEADER_HEIGHT + index * ROW_HEIGHT} item={item} shown={shown} picked={item !== undefined && isPicked(item, selected)} active={index === active} mark={item?.kind === "run" ? marks.get(item.run.run_id) : undefined} acts={acts} />;
        })}
      </div>
    </div>
  );
}

/** Scrolls as little as it takes to show a row. */
function reveal(element: HTMLElement | null, index: number): void {
  if (element === null) return;
  const top = index * ROW_HEIGHT;
  const room = element.clientHeight - HEADER_HEIGHT;
  if (top < element.scrollTop) element.scrollTo({ top });
  else if (top + ROW_HEIGHT > element.scrollTop + room) element.scrollTo({ top: top + ROW_HEIGHT - room });
}

export interface Shown {
  columns: GridColumn[];
  /** Pixels of columns left out before the first one. */
  before: number;
  first: number;
}

type Rowed = NonNullable<ReturnType<Rows["at"]>>;
const isPicked = (item: Rowed, selected: ReadonlySet<string>): boolean =>
  (item.kind === "run" ? selected.has(item.run.run_id) : item.group.runs.length > 0 && item.group.runs.every((run) => selected.has(run.run_id)));

/** The same functions for the life of the grid, so that a row that did not change is not drawn again. */
function useActs(now: RowActs): RowActs {
  const latest = useRef(now);
  useEffect(() => {
    latest.current = now;
  });
  return useMemo((): RowActs => ({
    onPick: (index, range) => latest.current.onPick(index, range),
    onOpenGroup: (key) => latest.current.onOpenGroup(key),
    onActive: (index) => latest.current.onActive(index),
  }), []);
}

/** Keeps the row at the top of the sight where it is when rows come or go above it. At the very top new rows push the others down. */
function useAnchor(box: React.RefObject<HTMLDivElement | null>, rows: Rows, top: number): void {
  const anchor = useRef<{ key: string; index: number } | null>(null);
  useLayoutEffect(() => {
    const held = anchor.current;
    const element = box.current;
    if (held === null || element === null || element.scrollTop === 0 || rows.at(held.index)?.key === held.key) return;
    const now = rows.find(held.key);
    if (now >= 0 && now !== held.index) element.scrollBy({ top: (now - held.index) * ROW_HEIGHT });
    anchor.current = now < 0 ? null : { key: held.key, index: now };
  }, [box, rows]);
  useEffect(() => {
    const index = Math.floor(top / ROW_HEIGHT);
    const item = rows.at(index);
    anchor.current = item === undefined ? null : { key: item.key, index };
    // Only scrolling chooses another row to hold on to.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [top]);
}
