import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useIsDark } from "../../app/theme";
import type { MetricSeries } from "../../api/tracking";
import { Loaded, Skeleton } from "../../kit/Feedback";
import { metric, num } from "../../kit/format";
import { useWidth } from "../../kit/chart/useWidth";
import { metricSeries } from "./queries";

const HEIGHT = 190;

/** A metric over its steps. uPlot draws on a canvas: ten thousand points cost no more than ten. */
export function MetricChart({ runId, metricKey, live }: { runId: string; metricKey: string; live: boolean }): ReactNode {
  const query = useQuery(metricSeries(runId, metricKey, live));
  const dark = useIsDark();
  return (
    <figure className="metric-chart">
      <figcaption className="row spread"><b className="truncate">{metricKey}</b><span className="faint">{metric(query.data?.points.at(-1)?.value)}</span></figcaption>
      <Loaded query={query} skeleton={<Skeleton height={HEIGHT} />}>{(series) => <Canvas key={String(dark)} series={series} />}</Loaded>
    </figure>
  );
}

/** The colours are read from the page when it is made, so a change of theme makes it anew. */
function Canvas({ series }: { series: MetricSeries }): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  const data = useMemo((): uPlot.AlignedData => [
    series.points.map((point) => point.step),
    series.points.map((point) => {
      const value = num(point.value);
      return Number.isFinite(value) ? value : null;
    }),
  ], [series]);
  const latest = useRef(data);
  useEffect(() => {
    latest.current = data;
  }, [data]);
  useEffect(() => {
    if (box.current === null || width === 0) return undefined;
    plot.current = new uPlot(optionsFor(width, box.current), latest.current, box.current);
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [box, width]);
  useEffect(() => plot.current?.setData(data), [data]);
  const last = series.points.at(-1);
  return <div ref={box} style={{ height: HEIGHT }} role="img" aria-label={`${series.key} over ${series.points.length} steps, latest ${metric(last?.value)}`} />;
}

function optionsFor(width: number, element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = { stroke: colour("--ink-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
  return {
    width,
    height: HEIGHT,
    legend: { show: true, live: true },
    padding: [8, 8, 0, 0],
    scales: { x: { time: false } },
    cursor: { y: false, points: { size: 6 } },
    axes: [{ ...axis, size: 26, gap: 4 }, { ...axis, size: 58, gap: 6, values: (_, ticks) => ticks.map((tick) => metric(tick)) }],
    series: [{ label: "step" }, { label: "value", stroke: colour("--ink"), width: 1.5, points: { show: false }, value: (_, value) => metric(value) }],
  };
}
