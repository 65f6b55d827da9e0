import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router-dom";
import type { Run } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { Empty } from "../../../kit/Feedback";
import { count, num } from "../../../kit/format";
import { paths } from "../../../kit/links";
import { hasBest, isBetter } from "../../../kit/metricOrder";
import { looks, nameOf } from "./curves";
import { type DiffRow, differences } from "./differences";
import { Swatch } from "./Legend";

/** Rows of a section before one asks for all of them. */
const ROWS = 60;

/** Parameters, metrics, tags and environment of the runs beside each other. */
export function Differences({ runs }: { runs: Run[] }): ReactNode {
  const [only, setOnly] = useState(true);
  const [whole, setWhole] = useState<ReadonlySet<string>>(new Set());
  const sections = useMemo(() => differences(runs), [runs]);
  const shown = sections.map((section) => ({ ...section, rows: only ? section.rows.filter((row) => row.differs) : section.rows })).filter((section) => section.rows.length > 0);
  const same = sections.reduce((sum, section) => sum + section.rows.filter((row) => !row.differs).length, 0);
  const look = looks(runs, "");
  return (
    <>
      <div className="curve-tools"><label className="row"><input type="checkbox" checked={only} onChange={(event) => setOnly(event.target.checked)} />Only what differs</label><span className="faint small">{same} {same === 1 ? "row is" : "rows are"} the same in all</span></div>
      <section className="panel">
        {shown.length === 0 ? <Empty title="These runs do not differ in anything that was logged" /> : (
          // The box scrolls sideways, so the keyboard must reach it.
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          <div className="table-box diff-box" role="region" aria-label="Differences" tabIndex={0}>
            <table className="diff">
              <thead><tr><th scope="col"><span className="visually-hidden">Key</span></th>{runs.map((run) => <th scope="col" key={run.run_id}><span className="row"><Swatch look={look.get(run.run_id)} /><Link className="truncate" to={paths.run(run.run_id)} title={nameOf(run)}>{nameOf(run)}</Link></span></th>)}</tr></thead>
              {shown.map((section) => (
                <tbody key={section.title}>
                  <tr className="diff-title"><th scope="rowgroup" colSpan={runs.length + 1}><span>{section.title}</span></th></tr>
                  {(whole.has(section.title) ? section.rows : section.rows.slice(0, ROWS)).map((row) => <Row key={row.key} row={row} best={section.title === "Metrics" ? best(runs, row.key) : null} />)}
                  {section.rows.length > ROWS && !whole.has(section.title) && <tr><td colSpan={runs.length + 1}><Button onClick={() => setWhole(new Set([...whole, section.title]))}>Show all {count(section.rows.length)} {section.title.toLowerCase()}</Button></td></tr>}
                </tbody>
              ))}
            </table>
          </div>
        )}
      </section>
    </>
  );
}

function Row({ row, best }: { row: DiffRow; best: number | null }): ReactNode {
  return (
    <tr className={row.differs ? "differs" : ""}>
      <th scope="row" className="truncate" title={row.key}>{row.key}</th>
      {row.values.map((value, i) => (
        // The runs have no other name here than their place.
        // oxlint-disable-next-line react/no-array-index-key
        <td key={i} className={best === i ? "best" : ""}>{value === null ? <span className="faint">–</span> : <span className="diff-value" title={value}>{value}</span>}</td>
      ))}
    </tr>
  );
}

/** Which run has the best of a metric; none where they are all alike, or nobody knows what is better. */
function best(runs: Run[], key: string): number | null {
  if (!hasBest(key)) return null;
  let found: number | null = null;
  const values = runs.map((run) => num(run.metrics[key]?.value));
  values.forEach((value, i) => {
    if (Number.isFinite(value) && (found === null || isBetter(key, value, values[found] ?? Number.NaN))) found = i;
  });
  return values.every((value) => value === values[0]) ? null : found;
}
