import { type ReactNode, useState } from "react";
import type { Check } from "../../api/data";
import { Button } from "../../kit/Button";
import { count, plain } from "../../kit/format";
import { State, Tag } from "../../kit/State";
import "./data.css";

const ORDER: Record<string, number> = { fail: 0, warn: 1, pass: 2 };

/** Check results, the troubled first, each with the rows that show the trouble. */
export function Checks({ checks, onlyTrouble = false }: { checks: Check[]; onlyTrouble?: boolean }): ReactNode {
  const shown = onlyTrouble ? checks.filter((check) => check.status !== "pass") : checks;
  const list = shown.toSorted((a, b) => (ORDER[a.status] ?? 3) - (ORDER[b.status] ?? 3));
  return <ul className="checks">{list.map((check) => <Item key={`${check.name} ${check.column ?? ""}`} check={check} />)}</ul>;
}

function Item({ check }: { check: Check }): ReactNode {
  const [open, setOpen] = useState(check.status === "fail");
  const samples = check.samples ?? [];
  return (
    <li>
      <div className="check-line">
        <State of={check.status} />
        <span><b>{check.name}</b>{check.severity !== "error" && <> <Tag>{check.severity}</Tag></>}</span>
        <span className="muted">{check.observed}<span className="faint">, expected {check.expected}</span></span>
        <span className="num">{samples.length > 0 && <Button kind="ghost" aria-expanded={open} onClick={() => setOpen(!open)}>{count(check.failing_rows)} {check.failing_rows === 1 ? "row" : "rows"}</Button>}</span>
      </div>
      {open && samples.length > 0 && <Samples samples={samples} column={check.column} />}
    </li>
  );
}

/** Failing rows as a table when they are objects; the column in question stands out. */
function Samples({ samples, column }: { samples: unknown[]; column: string | null }): ReactNode {
  const rows = samples.filter((each): each is Record<string, unknown> => typeof each === "object" && each !== null && !Array.isArray(each));
  if (rows.length !== samples.length) return <p className="samples mono small">{samples.map(plain).join("   ")}</p>;
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box samples" role="region" aria-label="Failing rows" tabIndex={0}>
      <table>
        <thead><tr>{keys.map((key) => <th key={key} scope="col">{key}</th>)}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(row)}>{keys.map((key) => <td key={key} className={key === column ? "at-fault mono" : "mono"}>{row[key] === null ? "null" : plain(row[key])}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
