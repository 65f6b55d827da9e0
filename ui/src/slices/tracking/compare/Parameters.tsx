import { type ReactNode, useMemo, useState } from "react";
import type { Run } from "../../../api/tracking";
import { Empty } from "../../../kit/Feedback";
import { num } from "../../../kit/format";
import { Panel } from "../../../kit/Page";
import { isNumeric, varying } from "./axes";
import { Boxes } from "./Boxes";
import { ImportanceBars } from "./ImportanceBars";
import { importance } from "./maths";
import { Parallel } from "./Parallel";
import { Scatter } from "./Scatter";

/** Parameters among the first axes. */
const AXES = 5;

interface ParametersProps {
  runs: Run[];
  /** With those that were taken from the charts, so that colours stay. */
  all: Run[];
  metrics: string[];
  target: string;
  lit: string | null;
  onLit: (id: string | null) => void;
  onTarget: (metric: string) => void;
  onKeep: (ids: string[]) => void;
}

/** What the parameters have to do with a metric. */
export function Parameters({ runs, all, metrics, target, lit, onLit, onTarget, onKeep }: ParametersProps): ReactNode {
  const params = useMemo(() => [...new Set(runs.flatMap((run) => Object.keys(run.params)))].toSorted(), [runs]);
  // What tells most about the metric stands first.
  const varies = useMemo(() => {
    const rank = importance(runs.map((run) => ({ params: run.params, value: num(run.metrics[target]?.value) })), params).map((each) => each.key);
    return [...rank, ...varying(runs, params).filter((key) => !rank.includes(key))];
  }, [runs, params, target]);
  const [axes, setAxes] = useState<string[] | null>(null);
  const chosen = axes ?? [...varies.slice(0, AXES).map((key) => `params.${key}`), ...(target === "" ? [] : [`metrics.${target}`])];
  const ids = [...params.map((key) => `params.${key}`), ...metrics.map((key) => `metrics.${key}`)];
  if (target === "") return <Panel><Empty title="None of these runs logged a metric">Parameters are held against a metric; there is none.</Empty></Panel>;
  return (
    <>
      <div className="curve-tools">
        <label className="row">Metric
          <select aria-label="Metric" value={target} onChange={(event) => { setAxes(axes?.map((id) => (id === `metrics.${target}` ? `metrics.${event.target.value}` : id)) ?? null); onTarget(event.target.value); }}>
            {metrics.map((key) => <option key={key}>{key}</option>)}
          </select>
        </label>
      </div>
      <Parallel runs={runs} axes={chosen} ids={ids} target={target} lit={lit} onLit={onLit} onAxes={setAxes} onKeep={onKeep} />
      <div className="cols-3 compare-cols">
        <ImportanceBars runs={runs} params={params} target={target} />
        <Scatter runs={runs} all={all} ids={ids.filter((id) => isNumeric(runs, id))} target={target} first={varies.map((key) => `params.${key}`).find((id) => isNumeric(runs, id))} lit={lit} />
        <Boxes runs={runs} params={varies} target={target} />
      </div>
    </>
  );
}
