import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo } from "react";
import type { Run } from "../../api/tracking";
import { Lines } from "../../kit/chart/Lines";
import { useNear } from "../../kit/chart/useNear";
import { Loaded, Skeleton } from "../../kit/Feedback";
import { num } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { pointsOf } from "./compare/curves";
import { type MachineChart, machineCharts, written } from "./machine";
import { metricSeries } from "./queries";
import "./compare/compare.css";

const CHART_PX = 128;
/** They are measured every ten seconds, so it is of no use to ask more often. */
const MEASURED_MS = 10_000;

/** What the machine did while the run was on it. Nothing where nobody measured that. */
export function Machine({ run }: { run: Run }): ReactNode {
  const charts = machineCharts(Object.keys(run.metrics));
  if (charts.length === 0) return null;
  return (
    <Panel title="Machine" aside={<span>since the run began</span>}>
      <div className="machine-grid">{charts.map((chart) => <Place key={chart.key} run={run} chart={chart} />)}</div>
    </Panel>
  );
}

function Place({ run, chart }: { run: Run; chart: MachineChart }): ReactNode {
  const [box, near] = useNear<HTMLElement>();
  const latest = run.metrics[chart.key]?.value;
  const share = chart.share === null ? undefined : run.metrics[chart.share]?.value;
  return (
    <figure ref={box}>
      <figcaption className="row spread">
        <span className="truncate" title={chart.key}><b>{chart.title}</b>{chart.note !== null && <span className="faint small"> {chart.note}</span>}</span>
        <span className="machine-figure">{written(num(latest), chart.unit)}{share !== undefined && <span className="faint"> · {written(num(share), "percent")}</span>}</span>
      </figcaption>
      {near ? <Drawn run={run} chart={chart} /> : <div style={{ height: CHART_PX }} />}
    </figure>
  );
}

function Drawn({ run, chart }: { run: Run; chart: MachineChart }): ReactNode {
  const query = useQuery({ ...metricSeries(run.run_id, chart.key, false), refetchInterval: run.status === "RUNNING" ? MEASURED_MS : false });
  const lines = useMemo(() => (query.data === undefined ? [] : [{ key: chart.key, label: chart.title, color: "var(--run-1)", points: pointsOf(query.data, "relative", run.started_at) }]), [query.data, chart.key, chart.title, run.started_at]);
  const write = useCallback((value: number) => written(value, chart.unit), [chart.unit]);
  return <Loaded query={query} skeleton={<Skeleton height={CHART_PX} />}>{() => <Lines label={chart.title} series={lines} x="relative" height={CHART_PX} write={write} fromZero />}</Loaded>;
}
