import { type PointerEvent, type ReactNode, useMemo, useState } from "react";
import { clock } from "../format";
import { linePath, linear, nearest, niceDomain, ticks, timeTicks } from "./scale";
import { Tip, TipRow } from "./Tip";
import { useWidth } from "./useWidth";

export interface Line {
  key: string;
  label: string;
  color: string;
  /** One value per moment of `times`; NaN breaks the line. */
  values: number[];
  area?: boolean;
  dashed?: boolean;
}

interface SeriesProps {
  label: string;
  times: number[];
  lines: Line[];
  height?: number;
  format: (value: number) => string;
  /** Whether the values start at zero (counts and latencies do). */
  fromZero?: boolean;
  timeLabel?: (at: number) => string;
}

const PAD = { left: 52, right: 10, top: 10, bottom: 22 };

const wallClock = (at: number): string => `${clock(at, true)} UTC`;

/** A small chart of a few lines over time, with a crosshair. For many points use uPlot (`MetricChart`). */
export function Series({ label, times, lines, height = 150, format, fromZero = true, timeLabel = wallClock }: SeriesProps): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [hover, setHover] = useState<number | null>(null);
  const domain = useMemo(() => {
    const all = lines.flatMap((line) => line.values);
    return niceDomain(fromZero ? [0, ...all] : all, 3);
  }, [lines, fromZero]);
  const start = times[0] ?? 0;
  const x = linear([start, times.at(-1) ?? start + 1], [PAD.left, Math.max(width - PAD.right, PAD.left + 1)]);
  const y = linear(domain, [height - PAD.bottom, PAD.top]);
  const move = (event: PointerEvent) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    setHover(times.length === 0 ? null : nearest(times, x.invert(event.clientX - left)));
  };
  const at = hover === null ? undefined : times[hover];
  const bare = lines.every((line) => line.values.every(Number.isNaN));
  return (
    <div className="chart" ref={box} style={{ height }} onPointerMove={move} onPointerLeave={() => setHover(null)}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={summary(label, lines, format)}>
          {seriesTicks(domain, lines).map((tick) => (
            <g key={tick}>
              <line className="grid" x1={PAD.left} x2={width - PAD.right} y1={y(tick)} y2={y(tick)} />
              {!bare && <text className="axis" x={PAD.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">{format(tick)}</text>}
            </g>
          ))}
          {timeTicks(x.domain, Math.max(2, Math.floor(width / 110))).map((tick) => (
            <text key={tick.at} className="axis" x={x(tick.at)} y={height - 6} textAnchor="middle">{tick.label}</text>
          ))}
          {bare && <text className="axis" x={(PAD.left + width - PAD.right) / 2} y={(height - PAD.bottom + PAD.top) / 2} dy="0.32em" textAnchor="middle">nothing in this time</text>}
          {lines.map((line) => <Drawn key={line.key} line={line} times={times} x={x} y={y} />)}
          {at !== undefined && <line className="crosshair" x1={x(at)} x2={x(at)} y1={PAD.top} y2={height - PAD.bottom} />}
        </svg>
      )}
      {at !== undefined && hover !== null && (
        <Tip x={x(at)} y={8} width={width}>
          <p className="tip-time">{timeLabel(at)}</p>
          {lines.map((line) => <TipRow key={line.key} color={line.color} label={line.label} value={format(line.values[hover] ?? Number.NaN)} />)}
        </Tip>
      )}
    </div>
  );
}

/** Counts have no halves: where every value is whole, so is every tick. */
export function seriesTicks(domain: [number, number], lines: Pick<Line, "values">[]): number[] {
  const whole = lines.every((line) => line.values.every((value) => Number.isNaN(value) || Number.isInteger(value)));
  return ticks(domain, 3).filter((tick) => !whole || Number.isInteger(tick));
}

type S = ReturnType<typeof linear>;

function Drawn({ line, times, x, y }: { line: Line; times: number[]; x: S; y: S }): ReactNode {
  const path = linePath(times.map((t, i) => [x(t), y(line.values[i] ?? Number.NaN)]));
  const last = times.length - 1;
  const base = y.range[0];
  return (
    <g>
      {line.area && path !== "" && (
        <path d={`${path}L${x(times[last] ?? 0).toFixed(1)} ${base}L${x(times[0] ?? 0).toFixed(1)} ${base}Z`} fill={line.color} opacity={0.1} />
      )}
      <path d={path} fill="none" stroke={line.color} strokeWidth={1.5} strokeLinejoin="round" strokeDasharray={line.dashed ? "4 3" : undefined} />
    </g>
  );
}

function summary(label: string, lines: Line[], format: (value: number) => string): string {
  const last = lines.map((line) => `${line.label} ${format(line.values.at(-1) ?? Number.NaN)}`);
  return `${label}. Latest: ${last.join(", ")}`;
}
