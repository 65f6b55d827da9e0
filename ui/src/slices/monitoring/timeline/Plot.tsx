import { type ReactNode, useId } from "react";
import type { MonitorWindow, Timeline } from "../../../api/monitoring";
import { type Scale, bandPath, linePath, ticks, timeTicks } from "../../../kit/chart/scale";
import { textWidth } from "../../../kit/chart/textWidth";
import { metric } from "../../../kit/format";
import { type Frame, PLOT_HEIGHT, SPAN_HEIGHT } from "./geometry";
import { type Band, type Stint, isUpperBound, quietPlace, stintColour } from "./model";

interface PlotProps {
  timeline: Timeline;
  windows: MonitorWindow[];
  times: number[];
  x: Scale;
  y: Scale;
  bands: Band[];
  stints: Stint[];
  /** Where the flags' poles stand. */
  poles: number[];
  frame: Frame;
}

const TICK_PX = 92;

/** The line against its objective, the spans around it, and the stints of the versions beneath. */
export function Plot({ timeline, windows, times, x, y, bands, stints, poles, frame }: PlotProps): ReactNode {
  const id = useId().replaceAll(":", "");
  const [left, right] = x.range;
  const { top, bottom, ribbon } = frame;
  const { objective } = timeline;
  const split = objective === null ? bottom : y(objective);
  const upper = isUpperBound(timeline);
  const points = timeline.points.map((point, i): [number, number] => [x(times[i] ?? 0), point.value === null ? Number.NaN : y(point.value)]);
  const line = linePath(points);
  const words = `objective ${metric(objective)}`;
  const quiet = (crossing: [number, number][]) => quietPlace(crossing, split, left, right, textWidth(words, 11, 550) + 6, 18);
  const wordsEnd = quiet([...points, ...poles.map((pole): [number, number] => [pole, split])]) ?? quiet(points) ?? right;
  return (
    <>
      <defs>
        <clipPath id={`${id}-plot`}><rect x={left} y={top} width={right - left} height={PLOT_HEIGHT} /></clipPath>
        <clipPath id={`${id}-over`}>
          <rect x={left} y={upper ? top : split} width={right - left} height={Math.max(0, upper ? split - top : bottom - split)} />
        </clipPath>
        <clipPath id={`${id}-ribbon`}><rect x={left} y={ribbon.top} width={right - left} height={ribbon.height} rx={3} /></clipPath>
      </defs>
      {ticks(y.domain as [number, number], 4).map((tick) => (
        <g key={tick}>
          <line className="grid" x1={left} x2={right} y1={y(tick)} y2={y(tick)} />
          <text className="axis" x={left - 10} y={y(tick)} dy="0.32em" textAnchor="end">{metric(tick)}</text>
        </g>
      ))}
      {bands.map((band) => <Span key={`${band.kind} ${band.from}`} band={band} x={x} frame={frame} />)}
      <g clipPath={`url(#${id}-plot)`}>
        <path className="trust" d={trustPath(timeline, windows, x, y)} />
        {objective !== null && <path className="over-fill" clipPath={`url(#${id}-over)`} d={areaTo(points, split)} />}
        <path className="quality" d={line} />
        {objective !== null && <path className="quality over" clipPath={`url(#${id}-over)`} d={line} />}
        {timeline.points.map((point, i) => point.value === null && (
          <line key={point.t} className="no-data" x1={x(times[i] ?? 0)} x2={x(times[i] ?? 0)} y1={bottom - 8} y2={bottom}><title>no data</title></line>
        ))}
      </g>
      {objective !== null && (
        <g className="objective">
          <line x1={left} x2={right} y1={split} y2={split} />
          <text x={wordsEnd} y={split - 6} textAnchor="end">{words}</text>
        </g>
      )}
      <Latest timeline={timeline} points={points} right={right} bad={timeline.points.findLast((point) => point.value !== null)?.state === "breach"} />
      <text className="axis lane-name" x={left - 10} y={ribbon.top + ribbon.height / 2} dy="0.32em" textAnchor="end">Version</text>
      <g clipPath={`url(#${id}-ribbon)`}>
        <rect className="ribbon-room" x={left} y={ribbon.top} width={right - left} height={ribbon.height} />
        {stints.map((stint) => <StintBox key={stint.from} stint={stint} x={x} ribbon={ribbon} />)}
      </g>
      {timeTicks(x.domain as [number, number], Math.max(2, Math.floor((right - left) / TICK_PX))).map((tick) => (
        <text key={tick.at} className={tick.major ? "axis major" : "axis"} x={x(tick.at)} y={frame.axisY} textAnchor="middle">{tick.label}</text>
      ))}
    </>
  );
}

/** A firing alarm is a bar over the plot, with a wash under it; a release is a bar over the versions it is about. */
function Span({ band, x, frame }: { band: Band; x: Scale; frame: Frame }): ReactNode {
  const from = Math.max(x(band.from), x.range[0]);
  const to = Math.min(x(band.to), x.range[1]);
  if (to < from) return null;
  const width = Math.max(2, to - from);
  const alarm = band.kind === "alarm";
  return (
    <>
      {alarm && <rect className="wash" x={from} width={width} y={frame.top} height={PLOT_HEIGHT} />}
      <rect className={`span ${band.kind}`} x={from} width={width} y={alarm ? frame.top - SPAN_HEIGHT : frame.ribbon.top - SPAN_HEIGHT - 2} height={SPAN_HEIGHT} rx={1.5} />
    </>
  );
}

/** The newest value, in figures at the end of its line. */
function Latest({ timeline, points, right, bad }: { timeline: Timeline; points: [number, number][]; right: number; bad: boolean }): ReactNode {
  const index = timeline.points.findLastIndex((point) => point.value !== null);
  const [px, py] = points[index] ?? [Number.NaN, Number.NaN];
  if (!(px <= right + 1)) return null;
  return (
    <g className={bad ? "latest over" : "latest"}>
      <circle cx={px} cy={py} r={3.2} />
      <text x={px + 8} y={py} dy="0.33em">{metric(timeline.points[index]?.value)}</text>
    </g>
  );
}

const LABEL_PX = 26;

function StintBox({ stint, x, ribbon }: { stint: Stint; x: Scale; ribbon: Frame["ribbon"] }): ReactNode {
  const from = Math.max(x(stint.from), x.range[0]);
  const to = Math.min(x(stint.to), x.range[1]);
  if (to - from < 1) return null;
  return (
    <g>
      <rect x={from} y={ribbon.top} width={to - from - 1} height={ribbon.height} fill={stintColour(stint.version)}><title>{`version ${stint.version}`}</title></rect>
      {to - from > LABEL_PX && <text className="stint-label" x={(from + to) / 2} y={ribbon.top + ribbon.height / 2} dy="0.34em" textAnchor="middle">v{stint.version}</text>}
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
