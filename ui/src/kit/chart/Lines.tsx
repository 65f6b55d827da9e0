import { type KeyboardEvent, type PointerEvent, type ReactNode, useId, useMemo, useState } from "react";
import { duration, metric, moment } from "../format";
import { type Scale, bandPath, linePath, linear, logDomain, logTicks, logarithmic, nearest, niceDomain, ticks, timeTicks } from "./scale";
import { Tip, TipRow } from "./Tip";
import { useWidth } from "./useWidth";

export interface LineSeries {
  key: string;
  label: string;
  color: string;
  /** Beyond as many as there are colours, lines are told apart by their dashes too. */
  dash?: string | undefined;
  /** In order of x; a value that is no number breaks the line. */
  points: [number, number][];
  /** The values as they were, drawn faintly behind. */
  raw?: [number, number][] | undefined;
  /** What the line lies within, where it stands for several. */
  band?: [number, number, number][] | undefined;
}

export type XKind = "step" | "time" | "relative";

interface LinesProps {
  label: string;
  series: LineSeries[];
  x: XKind;
  logX?: boolean;
  logY?: boolean;
  height?: number;
  /** The line that is pointed at elsewhere. */
  lit?: string | null;
  /** How a value is written, where it has a unit. */
  write?: (value: number) => string;
  /** Whether the axis begins at zero, as shares and amounts do. */
  fromZero?: boolean;
}

const PAD = { left: 58, right: 12, top: 8, bottom: 24 };
/** Lines whose values stand beside the pointer; more of them stand below the chart, where it is wide enough. */
const BESIDE = 9;
const TIP_ROWS = 60;
const TIP_ROWS_NARROW = 14;
const WIDE_PX = 420;

/** Several lines over one axis, with what each is worth under the pointer; the arrow keys move it. */
export function Lines({ label, series, x: kind, logX = false, logY = false, height = 220, lit = null, write = metric, fromZero = false }: LinesProps): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const clip = useId().replaceAll(":", "");
  const [at, setAt] = useState<number | null>(null);
  const xs = useMemo(() => [...new Set(series.flatMap((line) => line.points.filter(([, y]) => Number.isFinite(y)).map(([x]) => x)))].toSorted((a, b) => a - b), [series]);
  const { x, y } = useMemo(() => scales(series, xs, { kind, logX, logY, fromZero }, width, height), [series, xs, kind, logX, logY, fromZero, width, height]);
  const place = (event: PointerEvent) => setAt(xs.length === 0 ? null : nearest(xs, x.invert(event.clientX - event.currentTarget.getBoundingClientRect().left)));
  const keys = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0 || xs.length === 0) return;
    event.preventDefault();
    const stride = Math.max(1, Math.round(xs.length / 60));
    setAt((old) => Math.min(xs.length - 1, Math.max(0, (old ?? (by > 0 ? -stride : xs.length)) + by * stride)));
  };
  const here = at === null ? undefined : xs[at];
  const yTicks = logY ? logTicks(y.domain, 4) : ticks(y.domain, 4);
  const bare = xs.length === 0;
  return (
    <div className="chart lines-chart" ref={box} style={{ height }} role="slider" aria-label={`${label}, ${series.length} ${series.length === 1 ? "line" : "lines"}`} tabIndex={0}
      aria-valuemin={0} aria-valuemax={Math.max(0, xs.length - 1)} aria-valuenow={at ?? 0} aria-valuetext={here === undefined ? "arrow keys move along the lines" : said(series, here, kind, write)}
      onPointerMove={place} onPointerLeave={() => setAt(null)} onKeyDown={keys} onBlur={() => setAt(null)}>
      {width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <clipPath id={clip}><rect x={PAD.left} y={PAD.top - 2} width={Math.max(0, width - PAD.left - PAD.right)} height={height - PAD.top - PAD.bottom + 4} /></clipPath>
          {!bare && yTicks.map((tick) => (
            <g key={tick}>
              <line className="grid" x1={PAD.left} x2={width - PAD.right} y1={y(tick)} y2={y(tick)} />
              <text className="axis" x={PAD.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">{write(tick)}</text>
            </g>
          ))}
          {!bare && xTicks(x, kind, logX, width).map((tick) => <text key={tick.at} className="axis" x={x(tick.at)} y={height - 7} textAnchor="middle">{tick.label}</text>)}
          {bare && <text className="axis" x={width / 2} y={height / 2} textAnchor="middle">{logX || logY ? "nothing above zero to draw" : "nothing to draw"}</text>}
          <g clipPath={`url(#${clip})`}>
            {series.map((line) => line.band !== undefined && <path key={`band ${line.key}`} d={bandPath(line.band.map(([px, low, high]): [number, number, number] => [x(px), y(low), y(high)]))} fill={line.color} opacity={0.15} />)}
            {series.map((line) => line.raw !== undefined && <path key={`raw ${line.key}`} d={path(line.raw, x, y)} fill="none" stroke={line.color} strokeWidth={1} opacity={lit === null || lit === line.key ? 0.22 : 0.05} />)}
            {series.map((line) => <Drawn key={line.key} line={line} x={x} y={y} dim={lit !== null && lit !== line.key} lit={lit === line.key} />)}
          </g>
          {here !== undefined && <line className="crosshair" x1={x(here)} x2={x(here)} y1={PAD.top} y2={height - PAD.bottom} />}
        </svg>
      )}
      {here !== undefined && <Values series={series} at={here} kind={kind} x={x(here)} width={width} write={write} />}
    </div>
  );
}

function Drawn({ line, x, y, dim, lit }: { line: LineSeries; x: Scale; y: Scale; dim: boolean; lit: boolean }): ReactNode {
  const known = line.points.filter(([, value]) => Number.isFinite(value));
  if (known.length === 1 && known[0] !== undefined) return <circle cx={x(known[0][0])} cy={y(known[0][1])} r={3} fill={line.color} opacity={dim ? 0.18 : 1} />;
  return <path d={path(line.points, x, y)} fill="none" stroke={line.color} strokeWidth={lit ? 2.4 : 1.5} strokeLinejoin="round" strokeDasharray={line.dash} opacity={dim ? 0.18 : 1} />;
}

const path = (points: [number, number][], x: Scale, y: Scale): string => linePath(points.map(([px, py]) => [x(px), Number.isFinite(py) ? y(py) : Number.NaN]));

interface Worth {
  line: LineSeries;
  value: number;
  band: [number, number, number] | undefined;
}

/** What every line is worth here, the largest first. */
function worth(series: LineSeries[], at: number): Worth[] {
  return series.flatMap((line) => {
    const known = line.points.filter(([, y]) => Number.isFinite(y));
    if (!(at >= (known[0]?.[0] ?? Number.NaN) && at <= (known.at(-1)?.[0] ?? Number.NaN))) return [];
    return [{ line, value: known[nearest(known.map(([px]) => px), at)]?.[1] ?? Number.NaN, band: line.band?.[nearest(line.band.map(([px]) => px), at)] }];
  }).toSorted((a, b) => b.value - a.value);
}

const said = (series: LineSeries[], at: number, kind: XKind, write: (value: number) => string): string => `${words(at, kind)}: ${worth(series, at).slice(0, TIP_ROWS).map(({ line, value }) => `${line.label} ${write(value)}`).join(", ")}`;

function Values({ series, at, kind, x, width, write }: { series: LineSeries[]; at: number; kind: XKind; x: number; width: number; write: (value: number) => string }): ReactNode {
  const rows = worth(series, at);
  const wide = width >= WIDE_PX;
  const shown = rows.slice(0, wide ? TIP_ROWS : TIP_ROWS_NARROW);
  const list = (
    <>
      <p className="tip-time">{words(at, kind)}</p>
      <div>{shown.map(({ line, value, band }) => <TipRow key={line.key} color={line.color} label={line.label} value={band === undefined ? write(value) : `${write(value)} (${write(band[1])} to ${write(band[2])})`} />)}</div>
      {rows.length > shown.length && <p className="tip-time">and {rows.length - shown.length} below</p>}
    </>
  );
  // Many values stand below the chart, where they hide no line.
  return wide && rows.length > BESIDE ? <div className="tip tip-below">{list}</div> : <Tip x={x} y={4} width={width}>{list}</Tip>;
}

const words = (at: number, kind: XKind): string => (kind === "step" ? `step ${Math.round(at)}` : kind === "time" ? `${moment(at)} UTC` : `after ${duration(at)}`);

function scales(series: LineSeries[], xs: number[], { kind, logX, logY, fromZero }: { kind: XKind; logX: boolean; logY: boolean; fromZero: boolean }, width: number, height: number): { x: Scale; y: Scale } {
  const across: [number, number] = [PAD.left, Math.max(width - PAD.right, PAD.left + 1)];
  const values = series.flatMap((line) => [...line.points.map(([, y]) => y), ...(line.band ?? []).flatMap(([, low, high]) => [low, high])]);
  const up: [number, number] = [height - PAD.bottom, PAD.top];
  const first = xs[0] ?? 0;
  const last = xs.at(-1) ?? 1;
  const asLog = logX && kind !== "time";
  return {
    x: asLog ? logarithmic(logDomain(xs), across) : linear(first === last ? [first - 0.5, last + 0.5] : [first, last], across),
    y: logY ? logarithmic(logDomain(values), up) : linear(niceDomain(fromZero ? [0, ...values] : values, 4), up),
  };
}

function xTicks(x: Scale, kind: XKind, logX: boolean, width: number): { at: number; label: string }[] {
  const wanted = Math.max(2, Math.floor(width / 110));
  if (kind === "time") return timeTicks(x.domain, wanted);
  const places = logX ? logTicks(x.domain, wanted) : ticks(x.domain, wanted);
  return places.map((at) => ({ at, label: kind === "step" ? metric(at) : duration(at) }));
}
