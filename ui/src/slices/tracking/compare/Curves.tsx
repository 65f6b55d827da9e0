import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import type { MetricSeries, Run } from "../../../api/tracking";
import { Segments } from "../../../kit/Button";
import { Lines, type XKind } from "../../../kit/chart/Lines";
import { useNear } from "../../../kit/chart/useNear";
import { Empty, Failure, Skeleton } from "../../../kit/Feedback";
import { count } from "../../../kit/format";
import { ofMachine } from "../../../kit/metricOrder";
import { Panel } from "../../../kit/Page";
import { metricSeries } from "../queries";
import { linesOf } from "./curves";
import type { Spread } from "./maths";
import { type CompareState, SMOOTHEST } from "./state";

const HEIGHT = 230;
/** Charts at first; the search finds the others. */
const CHARTS = 24;
const KINDS: { value: XKind; label: string }[] = [{ value: "step", label: "Step" }, { value: "relative", label: "Time since start" }, { value: "time", label: "Wall time" }];
const SPREADS: { value: Spread; label: string }[] = [{ value: "range", label: "Lowest to highest" }, { value: "error", label: "Standard error" }];

interface CurvesProps {
  runs: Run[];
  shown: Run[];
  keys: string[];
  state: CompareState;
  lit: string | null;
  onChange: (part: Partial<CompareState>) => void;
}

export function Curves({ runs, shown, keys, state, lit, onChange }: CurvesProps): ReactNode {
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  const wanted = text.trim().toLowerCase();
  // What tells of the machine is drawn for those who look for it.
  const found = keys.filter((key) => (wanted === "" ? !ofMachine(key) : key.toLowerCase().includes(wanted)));
  const drawn = all ? found : found.slice(0, CHARTS);
  return (
    <>
      <Tools runs={runs} state={state} keys={keys.length} text={text} onText={setText} onChange={onChange} />
      {keys.length === 0 && <Panel><Empty title="None of these runs logged a metric more than once">A curve needs steps: <code>mlflow.log_metric("loss", value, step=i)</code>. Single values are under Parameters and Differences.</Empty></Panel>}
      {keys.length > 0 && found.length === 0 && <Panel>{wanted === "" ? <Empty title="These runs have curves of the machine only">Search for <code>system/</code> to see them.</Empty> : <Empty title="No metric has that in its name" />}</Panel>}
      <div className="curve-grid">{drawn.map((key) => <Chart key={key} metric={key} runs={runs} shown={shown} state={state} lit={state.group === "" ? lit : null} />)}</div>
      {drawn.length < found.length && <button type="button" className="button plain" onClick={() => setAll(true)}>Show all {count(found.length)} metrics</button>}
    </>
  );
}

function Tools({ runs, state, keys, text, onText, onChange }: { runs: Run[]; state: CompareState; keys: number; text: string; onText: (text: string) => void; onChange: (part: Partial<CompareState>) => void }): ReactNode {
  const params = [...new Set(runs.flatMap((run) => Object.keys(run.params)))].toSorted();
  const tags = [...new Set(runs.flatMap((run) => Object.keys(run.tags)))].filter((key) => !key.startsWith("mlflow.")).toSorted();
  return (
    <div className="curve-tools">
      {keys > 3 && <input type="search" aria-label="Search metrics" placeholder={`Search ${count(keys)} metrics`} value={text} onChange={(event) => onText(event.target.value)} />}
      <Segments label="Horizontal axis" value={state.x} options={KINDS} onChange={(x) => onChange({ x })} />
      <label className="row">Smoothing<input type="range" min={0} max={SMOOTHEST} step={0.01} value={state.smooth} aria-valuetext={`${Math.round(state.smooth * 100)} per cent`} onChange={(event) => onChange({ smooth: Number(event.target.value) })} /><output className="mono">{state.smooth.toFixed(2)}</output></label>
      <label className="row"><input type="checkbox" checked={state.logY} onChange={(event) => onChange({ logY: event.target.checked })} />log y</label>
      {state.x !== "time" && <label className="row"><input type="checkbox" checked={state.logX} onChange={(event) => onChange({ logX: event.target.checked })} />log x</label>}
      <select aria-label="Group lines by" value={state.group} onChange={(event) => onChange({ group: event.target.value })}>
        <option value="">A line a run</option>
        {params.map((key) => <option key={key} value={`params.${key}`}>Mean by {key}</option>)}
        {tags.map((key) => <option key={`tag ${key}`} value={`tags.${key}`}>Mean by {key} (tag)</option>)}
      </select>
      {state.group !== "" && <Segments label="Band around the mean" value={state.spread} options={SPREADS} onChange={(spread) => onChange({ spread })} />}
    </div>
  );
}

interface ChartProps {
  metric: string;
  runs: Run[];
  shown: Run[];
  state: CompareState;
  lit: string | null;
}

/** A metric of all runs. It asks for their points when it comes near to being seen. */
function Chart({ metric, runs, shown, state, lit }: ChartProps): ReactNode {
  const [box, near] = useNear<HTMLElement>();
  return (
    <section ref={box} className="panel curve" aria-label={metric}>
      <header className="panel-head"><h2 className="truncate" title={metric}>{metric}</h2></header>
      <div className="panel-body">{near ? <Drawn metric={metric} runs={runs} shown={shown} state={state} lit={lit} /> : <div style={{ height: HEIGHT }} />}</div>
    </section>
  );
}

function Drawn({ metric, runs, shown, state, lit }: ChartProps): ReactNode {
  const having = useMemo(() => shown.filter((run) => run.metrics[metric] !== undefined), [shown, metric]);
  const { series, pending, error, retry } = useQueries({
    queries: having.map((run) => metricSeries(run.run_id, metric, run.status === "RUNNING")),
    combine: (results) => ({
      series: results.map((result): MetricSeries | undefined => result.data), pending: results.filter((result) => result.isPending).length,
      error: results.find((result) => result.isError && result.data === undefined)?.error ?? null, retry: () => { for (const result of results) if (result.isError) void result.refetch(); },
    }),
  });
  const { x, smooth, group, spread } = state;
  const lines = useMemo(() => linesOf(having.flatMap((run, i) => (series[i] === undefined ? [] : [{ run, series: series[i] }])), { x, smooth, group, spread }, runs), [having, series, x, smooth, group, spread, runs]);
  if (error !== null && lines.length === 0) return <Failure error={error} retry={retry} />;
  if (pending > 0 && lines.length === 0) return <Skeleton height={HEIGHT} />;
  return <Lines label={metric} series={lines} x={x} logX={state.logX} logY={state.logY} height={HEIGHT} lit={lit} />;
}
