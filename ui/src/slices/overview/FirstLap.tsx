import type { ReactNode } from "react";
import { Copy } from "../../kit/Copy";

const STEPS: [string, string, string][] = [
  ["See a whole lap", "Hourly bike-share demand in a city whose world changes: data, training, gate, canary, drift, alarm, retraining. Under three minutes.", "pitcrew demo bikes"],
  ["Begin your own", "Makes a folder with a pitcrew.yaml to change: a data set, a pipeline, a model, a deployment and a monitor.", "pitcrew init bikes"],
  ["Put it on the track", "Reads pitcrew.yaml, shows what would change with plan, and makes it so with apply.", "pitcrew apply"],
];

/** What a new server shows: nothing was applied, so it says how to begin. */
export function FirstLap(): ReactNode {
  return (
    <section className="panel first-lap">
      <div className="stack tight">
        <h2>The track is clear</h2>
        <p className="lede">This server is up and holds no project yet. When one runs, this page shows model quality over time with everything that happened to it, live.</p>
      </div>
      <ol className="start-steps">
        {STEPS.map(([title, words, command]) => (
          <li key={command}>
            <h3>{title}</h3>
            <p className="muted">{words}</p>
            <p className="command"><code><span aria-hidden="true">$ </span>{command}</code><Copy text={command} label={`Copy ${command}`} /></p>
          </li>
        ))}
      </ol>
    </section>
  );
}
