import { type ReactNode, useState } from "react";
import type { Run } from "../../api/tracking";
import { Button } from "../../kit/Button";
import { useNear } from "../../kit/chart/useNear";
import { Empty } from "../../kit/Feedback";
import { count, metric } from "../../kit/format";
import { byWorth, ofMachine } from "../../kit/metricOrder";
import { Panel } from "../../kit/Page";
import { MetricChart } from "./MetricChart";

/** With more metrics than these one searches. */
const SEARCHED = 12;
/** Figures, and charts, before one asks for all of them. */
const FIGURES = 48;
const CHARTS = 24;
/** Charts that are drawn without waiting until they are scrolled to. */
const AT_ONCE = 6;

/** The metrics of a run: each as a figure, and as a curve where it has more than one value. */
export function RunMetrics({ run }: { run: Run }): ReactNode {
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  const keys = byWorth(Object.keys(run.metrics).filter((key) => !ofMachine(key)).toSorted());
  const live = run.status === "RUNNING";
  const found = keys.filter((key) => key.toLowerCase().includes(text.trim().toLowerCase()));
  // A metric that was logged once is a number, not a line.
  const curves = found.filter((key) => (run.metrics[key]?.step ?? 0) > 0 || live);
  const figures = all ? found : found.slice(0, FIGURES);
  const charts = all ? curves : curves.slice(0, CHARTS);
  if (keys.length === 0) return <Panel title="Metrics"><Empty title="No metric was logged yet" command={'mlflow.log_metric("mae", 21.5)'} /></Panel>;
  return (
    <>
      <Panel title="Metrics" aside={keys.length > SEARCHED && <input type="search" aria-label="Search metrics" placeholder={`Search ${count(keys.length)} metrics`} value={text} onChange={(event) => setText(event.target.value)} />}>
        {found.length === 0 && <Empty title="No metric has that in its name" />}
        <dl className="figures">{figures.map((key) => <div key={key}><dt>{key}</dt><dd>{metric(run.metrics[key]?.value)}</dd></div>)}</dl>
        {!all && (figures.length < found.length || charts.length < curves.length) && <p className="more-metrics"><Button onClick={() => setAll(true)}>Show all {count(found.length)} metrics</Button></p>}
      </Panel>
      {charts.length > 0 && <div className="metric-grid">{charts.map((key, index) => <Chart key={key} run={run} metricKey={key} live={live} atOnce={index < AT_ONCE} />)}</div>}
    </>
  );
}

const CHART_PX = 214;

function Chart({ run, metricKey, live, atOnce }: { run: Run; metricKey: string; live: boolean; atOnce: boolean }): ReactNode {
  const [box, near] = useNear<HTMLDivElement>(atOnce);
  return <div ref={box} className="metric-place"><Panel>{near ? <MetricChart runId={run.run_id} metricKey={metricKey} live={live} /> : <div style={{ height: CHART_PX }} />}</Panel></div>;
}
