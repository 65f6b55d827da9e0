import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { Dot } from "../../kit/State";
import { Ago } from "../../kit/Time";
import type { Sector } from "./lap";

/** The loop as a lap of six sectors, each with its light, as a timing screen shows them. */
export function LapStrip({ sectors }: { sectors: Sector[] }): ReactNode {
  return (
    <ol className="lap" aria-label="The loop">
      {sectors.map((sector) => (
        <li key={sector.name} className={sector.tone}>
          <Link to={sector.to}>
            <span className="lap-name"><Dot tone={sector.tone} />{sector.name}{sector.at !== null && <span className="lap-ago"><Ago at={sector.at} /></span>}</span>
            <span className="lap-value truncate">{sector.value}</span>
            <span className="lap-detail truncate" title={sector.detail}>{sector.detail}</span>
          </Link>
        </li>
      ))}
    </ol>
  );
}
