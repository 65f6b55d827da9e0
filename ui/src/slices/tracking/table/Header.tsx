import { type PointerEvent, type ReactNode, useRef } from "react";
import type { GridColumn } from "../columns";
import type { Shown } from "./Grid";
import { type SortOrder, fitWidth, sortable } from "./view";

const NUDGE = 12;
const NAME: GridColumn = { id: "name", label: "Run", kind: null, width: 0, end: false };

interface HeaderProps {
  shown: Shown;
  nameWidth: number;
  order: SortOrder | null;
  allPicked: boolean;
  onTurn: (column: string) => void;
  onWidth: (column: string, width: number) => void;
  onPickAll: () => void;
}

export function Header({ shown, nameWidth, order, allPicked, onTurn, onWidth, onPickAll }: HeaderProps): ReactNode {
  return (
    <div className="run-row run-head" role="row" aria-rowindex={1}>
      <div className="run-cell pick" role="columnheader" aria-colindex={1}>
        <input type="checkbox" aria-label="Select the runs at hand" checked={allPicked} onChange={onPickAll} />
      </div>
      <Heading column={{ ...NAME, width: nameWidth }} index={2} order={order} onTurn={onTurn} onWidth={onWidth} pinned />
      {shown.before > 0 && <div role="presentation" style={{ flex: `0 0 ${shown.before}px` }} />}
      {shown.columns.map((column, i) => <Heading key={column.id} column={column} index={shown.first + i + 3} order={order} onTurn={onTurn} onWidth={onWidth} />)}
    </div>
  );
}

interface HeadingProps {
  column: GridColumn;
  index: number;
  order: SortOrder | null;
  pinned?: boolean;
  onTurn: (column: string) => void;
  onWidth: (column: string, width: number) => void;
}

const KINDS = { metrics: "metric", params: "parameter", tags: "tag" };

function Heading({ column, index, order, pinned = false, onTurn, onWidth }: HeadingProps): ReactNode {
  const mine = order?.column === column.id;
  const title = column.kind === null ? column.label : `${column.label} (${KINDS[column.kind]})`;
  const sort = mine ? (order.down ? "descending" as const : "ascending" as const) : "none" as const;
  const can = sortable(column.id);
  return (
    <div className={`run-cell ${pinned ? "name" : ""} ${column.end ? "end" : ""} ${column.kind ?? ""}`} role="columnheader" aria-colindex={index} style={pinned ? undefined : { flexBasis: column.width }} {...(can ? { "aria-sort": sort } : {})} title={title}>
      {can
        ? <button type="button" className="sorter truncate" onClick={() => onTurn(column.id)}>{mine && column.end && <Mark down={order.down} />}{column.label}{mine && !column.end && <Mark down={order.down} />}</button>
        : <span className="truncate">{column.label}</span>}
      <Grip column={column} onWidth={onWidth} />
    </div>
  );
}

function Mark({ down }: { down: boolean }): ReactNode {
  return <span className="turn" aria-hidden="true">{down ? "↓" : "↑"}</span>;
}

/** The edge by which a column is made wider, with the pointer or the arrow keys. */
function Grip({ column, onWidth }: { column: GridColumn; onWidth: (column: string, width: number) => void }): ReactNode {
  const from = useRef<{ x: number; width: number } | null>(null);
  const start = (event: PointerEvent) => {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, width: column.width };
  };
  const move = (event: PointerEvent) => {
    if (from.current !== null) onWidth(column.id, fitWidth(from.current.width + event.clientX - from.current.x));
  };
  return (
    <button type="button" className="grip" aria-label={`Width of ${column.label}: ${column.width} pixels. Left and right arrows change it`}
      onPointerDown={start} onPointerMove={move} onPointerUp={() => { from.current = null; }}
      onKeyDown={(event) => {
        const by = event.key === "ArrowRight" ? NUDGE : event.key === "ArrowLeft" ? -NUDGE : 0;
        if (by === 0) return;
        event.preventDefault();
        onWidth(column.id, fitWidth(column.width + by));
      }} />
  );
}
