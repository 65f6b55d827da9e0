import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Run } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { paths } from "../../../kit/links";
import { valueOf } from "../table/group";
import { type Look, looks, nameOf } from "./curves";

interface LegendProps {
  runs: Run[];
  group: string;
  hidden: ReadonlySet<string>;
  onLit: (id: string | null) => void;
  onToggle: (id: string) => void;
  onRemove: (id: string) => void;
}

/** The runs with their colours. Pointing at one makes its line stand out; a press on its colour takes it from the charts. */
export function Legend({ runs, group, hidden, onLit, onToggle, onRemove }: LegendProps): ReactNode {
  const look = looks(runs, group);
  return (
    <ul className="legend" aria-label="Runs">
      {runs.map((run) => {
        const name = nameOf(run);
        const shown = !hidden.has(run.run_id);
        return (
          <li key={run.run_id} className={shown ? "" : "off"} onPointerEnter={() => onLit(run.run_id)} onPointerLeave={() => onLit(null)}>
            <button type="button" className="legend-mark" aria-pressed={shown} aria-label={`${shown ? "Hide" : "Show"} ${name}`} onClick={() => onToggle(run.run_id)}><Swatch look={look.get(run.run_id)} /></button>
            <Link className="truncate" to={paths.run(run.run_id)} title={name} onFocus={() => onLit(run.run_id)} onBlur={() => onLit(null)}>{name}</Link>
            {group !== "" && <span className="faint small">{valueOf(run, group) ?? "not set"}</span>}
            <Button kind="ghost" icon="close" aria-label={`Leave ${name} out of the comparison`} onClick={() => onRemove(run.run_id)} />
          </li>
        );
      })}
    </ul>
  );
}

export function Swatch({ look }: { look: Look | undefined }): ReactNode {
  return <svg width={18} height={10} aria-hidden="true"><line x1={1} x2={17} y1={5} y2={5} stroke={look?.color} strokeWidth={3} strokeDasharray={look?.dash} /></svg>;
}
