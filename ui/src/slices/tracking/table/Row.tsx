import { type ReactNode, memo } from "react";
import { Link } from "react-router-dom";
import { cell, count } from "../../../kit/format";
import { Icon } from "../../../kit/Icon";
import { paths } from "../../../kit/links";
import { Dot } from "../../../kit/State";
import { labelOf, toneOf } from "../../../kit/tone";
import { type GridColumn, cellOf, missing } from "../columns";
import type { Shown } from "./Grid";
import type { Item } from "./items";
import { covers } from "./pages";
import { keyOf } from "./view";

export interface RowActs {
  onPick: (index: number, range: boolean) => void;
  onOpenGroup: (key: string) => void;
  onActive: (index: number) => void;
}

interface RowProps {
  index: number;
  top: number;
  /** `undefined` while it is on its way. */
  item: Item | undefined;
  shown: Shown;
  picked: boolean;
  active: boolean;
  /** What rules said about the run. */
  mark: string | undefined;
  acts: RowActs;
}

export const Row = memo(function Row({ index, top, item, shown, picked, active, mark, acts }: RowProps): ReactNode {
  const kind = item === undefined ? "waits" : item.kind;
  return (
    <div className={`run-row ${kind} ${picked ? "picked" : ""}`} role="row" aria-rowindex={index + 2} aria-selected={picked} style={{ transform: `translateY(${top}px)` }} {...(active ? { "data-active": "" } : {})} onFocus={() => acts.onActive(index)}>
      <div className="run-cell pick" role="gridcell" aria-colindex={1}>
        {item !== undefined && <Pick item={item} index={index} picked={picked} acts={acts} />}
      </div>
      <div className="run-cell name" role="gridcell" aria-colindex={2}>{item === undefined ? <Wait /> : <Name item={item} mark={mark} acts={acts} />}</div>
      {shown.before > 0 && <div role="presentation" style={{ flex: `0 0 ${shown.before}px` }} />}
      {shown.columns.map((column, i) => (
        <div key={column.id} className={`run-cell ${column.end ? "end" : ""} ${column.kind ?? ""}`} role="gridcell" aria-colindex={shown.first + i + 3} style={{ flexBasis: column.width }}>
          {item === undefined ? <Wait /> : <Content item={item} column={column} />}
        </div>
      ))}
    </div>
  );
});

function Pick({ item, index, picked, acts }: { item: Item; index: number; picked: boolean; acts: RowActs }): ReactNode {
  const name = item.kind === "run" ? nameOf(item) : `the group ${item.group.value ?? "without a value"}`;
  // The click tells of shift; the change that follows it does not.
  return <input type="checkbox" aria-label={`Select ${name}`} checked={picked} onClick={(event) => acts.onPick(index, event.shiftKey)} readOnly />;
}

const nameOf = (item: Extract<Item, { kind: "run" }>): string => item.run.name || item.run.run_id.slice(0, 8);

function Name({ item, mark, acts }: { item: Item; mark: string | undefined; acts: RowActs }): ReactNode {
  if (item.kind === "run") {
    return <Link to={paths.run(item.run.run_id)} className={item.inside ? "inside" : ""} data-row-link="" title={`${item.run.name}, ${labelOf(item.run.status)}${mark === undefined ? "" : `\n${mark}`}`}><Dot tone={toneOf(item.run.status)} /><span className="truncate">{nameOf(item)}</span><span className="visually-hidden">{labelOf(item.run.status)}{mark !== undefined && `, alert: ${mark}`}</span>{mark !== undefined && <Icon name="alerts" size={13} className="fired" />}</Link>;
  }
  return (
    <button type="button" className="group-open truncate" data-row-link="" aria-expanded={item.open} onClick={() => acts.onOpenGroup(item.key)}>
      <Icon name="chevron" size={12} className={item.open ? "opened" : ""} />
      <b className="truncate mono">{item.group.value ?? "not set"}</b><span className="faint">{count(item.group.runs.length)} {item.group.runs.length === 1 ? "run" : "runs"}</span>
    </button>
  );
}

function Content({ item, column }: { item: Item; column: GridColumn }): ReactNode {
  if (item.kind === "run") return covers(item.fields, column.id) ? cellOf(item.run, column.id) : <Wait />;
  const key = keyOf(column.id);
  if (key?.group !== "metrics") return null;
  const found = item.group.metrics[key.key];
  if (found === undefined) return missing;
  return <span className="mean" title={`mean of ${found.n}; ${cell(found.min)} to ${cell(found.max)}`}><b>{cell(found.mean)}</b>{found.n > 1 && <small>{cell(found.min)} – {cell(found.max)}</small>}</span>;
}

const Wait = (): ReactNode => <i className="wait" aria-hidden="true" />;
