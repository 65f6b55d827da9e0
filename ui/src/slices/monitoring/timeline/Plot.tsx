import { type ReactNode, useId } from "react";
import type { MonitorWindow, Timeline } from "../../../api/monitoring";
import { type Scale, bandPath, linePath, ticks, timeTicks } from "../../../kit/chart/scale";
import { metric } from "../../../kit/format";
import { PAD, PLOT_BOTTOM as BOTTOM, PLOT_HEIGHT, RIBBON } from "./geometry";
import { type Band, type Stint, isUpperBound, stintColour } from "./model";

interface PlotProps {
  timeline: Timeline;
  windows: MonitorWindow[];
  times: number[];
  x: Scale;
  y: Scale;
  bands: Band[];
  stints: Stint[];
  axisY: number;
}

const TICK_PX = 92;

/** The line against its objective, the spans behind it, and the stints of the versions beneath. */
export function Plot({ timeline, windows, times, x, y, bands, stints, axisY }: PlotProps): ReactNode {
  const id = useId().replaceAll(":", "");
  const [left, right] = x.range;
  const { objective } = timeline;
  const split = objective === null ? BOTTOM : y(objective);
  const upper = isUpperBound(timeline);
  const points = timeline.points.map((point, i): [number, number] => [x(times[i] ?? 0), point.value === null ? Number.NaN : y(point.value)]);
  const line = linePath(points);
  return (
    <>
      <defs>
        <clipPath id={`${id}-plot`}><rect x={left} y={PAD.top} width={right - left} height={PLOT_HEIGHT} /></clipPath>
        <clipPath id={`${id}-over`}>
          <rect x={left} y={upper ? PAD.top : split} width={right - left} height={Math.max(0, upper ? split - PAD.top : BOTTOM - split)} />
        </clipPath>
        <clipPath id={`${id}-ribbon`}><rect x={left} y={RIBBON.top} width={right - left} height={RIBBON.height} rx={3} /></clipPath>
      </defs>
      {ticks(y.domain as [number, number], 4).map((tick) => (
        <g key={tick}>
          <line className="grid" x1={left} x2={right} y1={y(tick)} y2={y(tick)} />
          <text className="axis" x={left - 10} y={y(tick)} dy="0.32em" textAnchor="end">{metric(tick)}</text>
        </g>
      ))}
      <g clipPath={`url(#${id}-plot)`}>
        {bands.map((band) => <rect key={`${band.kind} ${band.from}`} className={`span ${band.kind}`} x={x(band.from)} width={Math.max(2, x(band.to) - x(band.from))} y={PAD.top} height={PLOT_HEIGHT} />)}
        <path className="trust" d={trustPath(timeline, windows, x, y)} />
        {objective !== null && <path className="over-fill" clipPath={`url(#${id}-over)`} d={areaTo(points, split)} />}
        <path className="quality" d={line} />
        {objective !== null && <path className="quality over" clipPath={`url(#${id}-over)`} d={line} />}
        {timeline.points.map((point, i) => point.value === null && (
          <line key={point.t} className="no-data" x1={x(times[i] ?? 0)} x2={x(times[i] ?? 0)} y1={BOTTOM - 8} y2={BOTTOM}><title>no data</title></line>
        ))}
      </g>
      {objective !== null && (
        <g className="objective">
          <line x1={left} x2={right} y1={split} y2={split} />
          <text x={right} y={split - 6} textAnchor="end">objective {metric(objective)}</text>
        </g>
      )}
      <text className="axis lane-name" x={left - 10} y={RIBBON.top + RIBBON.height / 2} dy="0.32em" textAnchor="end">Version</text>
      <g clipPath={`url(#${id}-ribbon)`}>
        <rect className="ribbon-room" x={left} y={RIBBON.top} width={right - left} height={RIBBON.height} />
        {stints.map((stint) => <StintBox key={stint.from} stint={stint} x={x} />)}
      </g>
      {timeTicks(x.domain as [number, number], Math.max(2, Math.floor((right - left) / TICK_PX))).map((tick) => (
        <text key={tick.at} className={tick.major ? "axis major" : "axis"} x={x(tick.at)} y={axisY} textAnchor="middle">{tick.label}</text>
      ))}
    </>
  );
}

const LABEL_PX = 26;

function StintBox({ stint, x }: { stint: Stint; x: Scale }): ReactNode {
  const from = Math.max(x(stint.from), x.range[0]);
  const to = Math.min(x(stint.to), x.range[1]);
  if (to - from < 1) return null;
  return (
    <g>
      <rect x={from} y={RIBBON.top} width={to - from - 1} height={RIBBON.height} fill={stintColour(stint.version)}><title>{`version ${stint.version}`}</title></rect>
      {to - from > LABEL_PX && <text className="stint-label" x={(from + to) / 2} y={RIBBON.top + RIBBON.height / 2} dy="0.34em" textAnchor="middle">v{stint.version}</text>}
    </g>
  );
}

/** The interval of each window's value, where the monitor gives one. */
function trustPath(timeline: Timeline, windows: MonitorWindow[], x: Scale, y: Scale): string {
  return bandPath(windows.map((window): [number, number, number] => {
    const value = window.metrics[timeline.metric];
    return [x(Date.parse(window.end)), y(value?.lower ?? Number.NaN), y(value?.upper ?? Number.NaN)];
  }));
}

function areaTo(points: [number, number][], base: number): string {
  const whole = points.filter(([, value]) => !Number.isNaN(value));
  if (whole.length < 2) return "";
  return `${linePath(whole)}L${whole.at(-1)?.[0].toFixed(1)} ${base}L${whole[0]?.[0].toFixed(1)} ${base}Z`;
}
