import { type ReactNode, useState } from "react";

/** Entries of one object or list that are shown before one asks for more. */
const FIRST = 100;
/** Characters of a text that are shown before one asks for all of them. */
const TEXT = 1200;
/** Levels that stand open at first. */
const OPEN_LEVELS = 2;
/** An object with more entries than this stands folded even at the top. */
const OPEN_ENTRIES = 30;

interface JsonTreeProps {
  value: unknown;
  name?: string;
  level?: number;
  open?: boolean;
}

/** A JSON value as a tree that folds; each fold is the browser's own `details`, so keys and readers know it. */
export function JsonTree({ value, name, level = 0, open }: JsonTreeProps): ReactNode {
  if (typeof value === "object" && value !== null) return <Branch value={value} level={level} {...(name === undefined ? {} : { name })} open={open ?? level < OPEN_LEVELS} />;
  return <div className="json-leaf">{name !== undefined && <span className="json-key">{name}: </span>}<Leaf value={value} /></div>;
}

function Branch({ value, name, level, open }: { value: object; name?: string; level: number; open: boolean }): ReactNode {
  const list = Array.isArray(value);
  const entries = Object.entries(value) as [string, unknown][];
  const [shown, setShown] = useState(FIRST);
  const [unfolded, setUnfolded] = useState(open && entries.length <= OPEN_ENTRIES);
  if (entries.length === 0) return <div className="json-leaf">{name !== undefined && <span className="json-key">{name}: </span>}<span className="faint">{list ? "[ ]" : "{ }"}</span></div>;
  return (
    <details className="json" open={unfolded} onToggle={(event) => setUnfolded(event.currentTarget.open)}>
      <summary>{name !== undefined && <span className="json-key">{name}: </span>}<span className="faint">{list ? `[ ${entries.length} ]` : `{ ${entries.length} }`}</span></summary>
      {/* What is folded is not built, so that a large value costs nothing until it is looked at. */}
      {unfolded && (
        <div className="json-inner">
          {entries.slice(0, shown).map(([key, each]) => <JsonTree key={key} name={key} value={each} level={level + 1} />)}
          {entries.length > shown && <button type="button" className="json-more" onClick={() => setShown((n) => n + FIRST * 5)}>{entries.length - shown} more</button>}
        </div>
      )}
    </details>
  );
}

function Leaf({ value }: { value: unknown }): ReactNode {
  const [all, setAll] = useState(false);
  if (typeof value !== "string") return <span className="json-value">{value === undefined ? "–" : String(value)}</span>;
  const cut = !all && value.length > TEXT;
  return (
    <>
      <span className="json-text">{cut ? value.slice(0, TEXT) : value}</span>
      {cut && <> <button type="button" className="json-more" onClick={() => setAll(true)}>and {value.length - TEXT} characters more</button></>}
    </>
  );
}
