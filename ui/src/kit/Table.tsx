import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router-dom";
import { Button } from "./Button";

export interface ColumnDef<T> {
  key: string;
  head: ReactNode;
  cell: (row: T) => ReactNode;
  /** The value to sort by; without it the column does not sort. */
  sort?: (row: T) => number | string;
  align?: "end";
  /** Left out on a phone. */
  wideOnly?: boolean;
  /** Takes the room that is left and cuts its text. */
  fill?: boolean;
}

interface TableProps<T> {
  label: string;
  columns: ColumnDef<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Where a row leads; its first cell becomes the link, and `j` and `k` walk over them. */
  rowTo?: (row: T) => string | null;
  /** Rows shown before one asks for all of them. */
  first?: number;
  /** Marks a row that wants to be seen. */
  rowClass?: (row: T) => string;
}

type Order = { key: string; down: boolean } | null;

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") {
    // NaN stands last, whichever way the column is sorted up.
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    if (Number.isNaN(b)) return -1;
    return a - b;
  }
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

export function sorted<T>(rows: T[], columns: ColumnDef<T>[], order: Order): T[] {
  const sort = order === null ? undefined : columns.find((column) => column.key === order.key)?.sort;
  if (order === null || sort === undefined) return rows;
  return [...rows].toSorted((a, b) => (order.down ? -1 : 1) * compare(sort(a), sort(b)));
}

export function Table<T>({ label, columns, rows, rowKey, rowTo, first = Number.POSITIVE_INFINITY, rowClass }: TableProps<T>): ReactNode {
  const [all, setAll] = useState(false);
  const [order, setOrder] = useState<Order>(null);
  const ordered = useMemo(() => sorted(rows, columns, order), [rows, columns, order]);
  const shown = all ? ordered : ordered.slice(0, first);
  const turn = (key: string) => setOrder((old) => (old?.key !== key ? { key, down: true } : old.down ? { key, down: false } : null));
  return (
    // The box scrolls sideways on narrow screens, so the keyboard must reach it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} order={order} onTurn={() => turn(column.key)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => <Row key={rowKey(row)} row={row} columns={columns} to={rowTo?.(row) ?? null} mark={rowClass?.(row) ?? ""} />)}
        </tbody>
      </table>
      {shown.length < rows.length && <div className="table-foot"><Button onClick={() => setAll(true)}>Show all {rows.length}</Button></div>}
    </div>
  );
}

function classOf<T>(column: ColumnDef<T>): string {
  return [column.align === "end" ? "num" : "", column.wideOnly ? "hide-phone" : "", column.fill ? "fill" : ""].filter(Boolean).join(" ");
}

function Head<T>({ column, order, onTurn }: { column: ColumnDef<T>; order: Order; onTurn: () => void }): ReactNode {
  if (column.sort === undefined) return <th scope="col" className={classOf(column)}>{column.head}</th>;
  const mine = order?.key === column.key;
  return (
    <th scope="col" className={classOf(column)} aria-sort={mine ? (order.down ? "descending" : "ascending") : "none"}>
      <button type="button" className="sorter" onClick={onTurn}>
        {column.head}<span className="sort-mark" aria-hidden="true">{mine ? (order.down ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}

function Row<T>({ row, columns, to, mark }: { row: T; columns: ColumnDef<T>[]; to: string | null; mark: string }): ReactNode {
  return (
    <tr className={`${to === null ? "" : "leads"} ${mark}`}>
      {columns.map((column, index) => (
        <td key={column.key} className={classOf(column)}>
          {index === 0 && to !== null ? <Link to={to} className="row-link" data-row-link="">{column.cell(row)}</Link> : column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

/** Moves the focus to the next or the previous row that leads somewhere; `j` and `k` call it. */
export function stepRow(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-row-link]")];
  if (links.length === 0) return;
  const here = links.indexOf(document.activeElement as HTMLElement);
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1);
  links[next]?.focus();
  links[next]?.scrollIntoView({ block: "nearest" });
}
