import { type CSSProperties, type ReactNode, useMemo } from "react";
import type { Run } from "../../../api/tracking";
import { Empty } from "../../../kit/Feedback";
import { num, percent } from "../../../kit/format";
import { Panel } from "../../../kit/Page";
import { importance } from "./maths";

const SHOWN = 14;

/** Which parameters go with a metric, and by which measure that is said. */
export function ImportanceBars({ runs, params, target }: { runs: Run[]; params: string[]; target: string }): ReactNode {
  const found = useMemo(() => importance(runs.map((run) => ({ params: run.params, value: num(run.metrics[target]?.value) })), params), [runs, params, target]);
  return (
    <Panel title="Importance">
      {found.length === 0 ? <Empty title="Too little to tell">It takes three runs, and a parameter that differs between them and is shared by some.</Empty> : (
        <>
          <ol className="importance" aria-label={`Importance for ${target}`}>
            {found.slice(0, SHOWN).map((each) => (
              <li key={each.key} style={{ "--share": `${100 * each.share}%` } as CSSProperties}>
                <span className="truncate" title={each.key}>{each.key}</span>
                <span className="faint small">{each.method === "r2" ? (each.sign > 0 ? "R², rises" : each.sign < 0 ? "R², falls" : "R²") : "η²"}</span>
                <b>{percent(each.share)}</b>
                <i aria-hidden="true" />
              </li>
            ))}
          </ol>
          <p className="chart-note plain">The share of the variance of {target} that goes with each parameter taken alone, over {found[0]?.n} runs: squared Pearson correlation (R²) where its values are numbers, eta squared (η²) where they are words. It says what goes together, not what causes what.</p>
        </>
      )}
    </Panel>
  );
}
