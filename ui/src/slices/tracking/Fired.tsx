import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Icon } from "../../kit/Icon";
import { Inline } from "../../kit/Inline";
import { Ago } from "../../kit/Time";
import { runAlerts } from "./runAlerts";

/** What rules said about a run. Nothing where none did; whether the answer fails is seen on the page of alerts. */
export function Fired({ runId }: { runId: string }): ReactNode {
  const { data } = useQuery(runAlerts(runId));
  if (data === undefined || data.length === 0) return null;
  return (
    <ul className="run-fired" aria-label="Alerts about this run">
      {data.map((each) => (
        <li key={`${each.rule} ${each.at}`}>
          <Icon name="alerts" size={14} />
          <p><b>{each.rule}</b> fired <Ago at={each.at} />: <Inline text={each.what} />{each.untold !== null && <span className="muted">. A webhook was not told: <Inline text={each.untold} /></span>}</p>
        </li>
      ))}
    </ul>
  );
}
