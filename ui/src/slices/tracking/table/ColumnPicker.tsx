import { type ReactNode, useMemo, useState } from "react";
import { Button } from "../../../kit/Button";
import { count } from "../../../kit/format";
import { Popover } from "../../../kit/Popover";
import { ATTRIBUTES, gridColumn } from "../columns";
import { type KeyGroup, spread } from "./view";

/** Keys shown of each kind; the search finds the others. */
const SHOWN = 40;
const TITLES: Record<KeyGroup, string> = { metrics: "Metrics", params: "Parameters", tags: "Tags" };

interface ColumnPickerProps {
  columns: string[];
  keys: Record<KeyGroup, string[]>;
  truncated: boolean;
  onColumns: (columns: string[] | null) => void;
}

/** Which columns there are, and in which order. */
export function ColumnPicker({ columns, keys, truncated, onColumns }: ColumnPickerProps): ReactNode {
  return (
    <Popover label={`Columns ${count(columns.length)}`} title="Columns" className="columns-popover" side="end">
      {() => <Picker columns={columns} keys={keys} truncated={truncated} onColumns={onColumns} />}
    </Popover>
  );
}

function Picker({ columns, keys, truncated, onColumns }: ColumnPickerProps): ReactNode {
  const [text, setText] = useState("");
  const [ordering, setOrdering] = useState(false);
  const on = useMemo(() => new Set(columns), [columns]);
  const toggle = (id: string) => onColumns(on.has(id) ? columns.filter((each) => each !== id) : [...columns, id]);
  const wanted = text.trim().toLowerCase();
  const fits = (word: string) => word.toLowerCase().includes(wanted);
  return (
    <div className="picker">
      <div className="row">
        <input type="search" className="grow" aria-label="Search columns" placeholder="Search columns" value={text} onChange={(event) => setText(event.target.value)} />
        <Button kind="ghost" aria-pressed={ordering} onClick={() => setOrdering(!ordering)}>{ordering ? "Choose" : "Order"}</Button>
        <Button kind="ghost" onClick={() => onColumns(null)}>Reset</Button>
      </div>
      {ordering ? <Ordering columns={columns.filter((id) => fits(id))} all={columns} onColumns={onColumns} /> : (
        <>
          <Choices title="Run" ids={ATTRIBUTES.filter((each) => fits(each.label)).map((each) => each.id)} on={on} onToggle={toggle} />
          {(["metrics", "params", "tags"] as const).map((group) => {
            const found = keys[group].filter(fits).map((key) => `${group}.${key}`);
            const all = keys[group].length > 0 && keys[group].every((key) => on.has(`${group}.${key}`));
            return (
              <Choices key={group} title={TITLES[group]} ids={found} on={on} onToggle={toggle}
                aside={wanted === "" && keys[group].length > 1 && (
                  <button type="button" className="plain-link" onClick={() => onColumns(all ? columns.filter((id) => !id.startsWith(`${group}.`)) : spread([...columns.filter((id) => !id.startsWith(`${group}.`)), `${group}.*`], keys))}>{all ? "none" : `all ${count(keys[group].length)}`}</button>
                )} />
            );
          })}
          {truncated && <p className="faint small">There are more keys than are listed here; a filter may name any of them.</p>}
        </>
      )}
    </div>
  );
}

function Choices({ title, ids, on, onToggle, aside }: { title: string; ids: string[]; on: ReadonlySet<string>; onToggle: (id: string) => void; aside?: ReactNode }): ReactNode {
  if (ids.length === 0) return null;
  return (
    <fieldset>
      <legend className="row spread"><span>{title}</span>{aside}</legend>
      {ids.slice(0, SHOWN).map((id) => (
        <label key={id} className="row">
          <input type="checkbox" checked={on.has(id)} onChange={() => onToggle(id)} /><span className="truncate" title={gridColumn(id).label}>{gridColumn(id).label}</span>
        </label>
      ))}
      {ids.length > SHOWN && <p className="faint small">and {count(ids.length - SHOWN)} more: search for them</p>}
    </fieldset>
  );
}

function Ordering({ columns, all, onColumns }: { columns: string[]; all: string[]; onColumns: (columns: string[]) => void }): ReactNode {
  const move = (id: string, by: number) => {
    const next = all.filter((each) => each !== id);
    next.splice(Math.max(0, all.indexOf(id) + by), 0, id);
    onColumns(next);
  };
  return (
    <ol className="ordering">
      {columns.slice(0, SHOWN * 2).map((id) => {
        const { label } = gridColumn(id);
        return (
          <li key={id} className="row">
            <span className="grow truncate" title={label}>{label}</span>
            <Button kind="ghost" aria-label={`Move ${label} left`} disabled={all[0] === id} onClick={() => move(id, -1)}>↑</Button>
            <Button kind="ghost" aria-label={`Move ${label} right`} disabled={all.at(-1) === id} onClick={() => move(id, 1)}>↓</Button>
            <Button kind="ghost" icon="close" aria-label={`Take ${label} away`} onClick={() => onColumns(all.filter((each) => each !== id))} />
          </li>
        );
      })}
    </ol>
  );
}
