import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router-dom";
import type { Run } from "../../../api/tracking";
import { linear, logDomain, logTicks, logarithmic, niceDomain, ticks } from "../../../kit/chart/scale";
import { useWidth } from "../../../kit/chart/useWidth";
import { Empty } from "../../../kit/Feedback";
import { cell, metric } from "../../../kit/format";
import { paths } from "../../../kit/links";
import { Panel } from "../../../kit/Page";
import { labelOf, numberOf } from "./axes";
import { looks, nameOf } from "./curves";
import { type Point, regression } from "./maths";

const HEIGHT = 268;
const PAD = { left: 54, right: 14, top: 10, bottom: 26 };

interface ScatterProps {
  runs: Run[];
  all: Run[];
  /** What can stand on an axis. */
  ids: string[];
  target: string;
  first: string | undefined;
  lit: string | null;
}

/** Two of the numbers of each run against each other, with the straight line through them. */
export function Scatter({ runs, all, ids, target, first, lit }: ScatterProps): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [across, setAcross] = useState<string | null>(null);
  const [up, setUp] = useState<string | null>(null);
  const idX = across ?? first ?? ids.find((id) => id !== `metrics.${target}`) ?? ids[0] ?? "";
  const idY = up ?? `metrics.${target}`;
  const points = useMemo(() => runs.map((run) => ({ run, x: numberOf(run, idX), y: numberOf(run, idY) })).filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)), [runs, idX, idY]);
  const line = useMemo(() => regression(points.map((point): Point => [point.x, point.y])), [points]);
  const xs = points.map((point) => point.x);
  const log = xs.length > 0 && Math.min(...xs) > 0 && Math.max(...xs) / Math.min(...xs) >= 50;
  const range: [number, number] = [PAD.left, Math.max(PAD.left + 1, width - PAD.right)];
  const x = log ? logarithmic(logDomain(xs), range) : linear(niceDomain(xs, 4), range);
  const y = linear(niceDomain(points.map((point) => point.y), 4), [HEIGHT - PAD.bottom, PAD.top]);
  const look = looks(all, "");
  return (
    <Panel title="Scatter" aside={
      <>
        <select aria-label="Vertical axis" value={idY} onChange={(event) => setUp(event.target.value)}>{ids.map((id) => <option key={id} value={id}>{labelOf(id)}</option>)}</select>
        <span>over</span>
        <select aria-label="Horizontal axis" value={idX} onChange={(event) => setAcross(event.target.value)}>{ids.map((id) => <option key={id} value={id}>{labelOf(id)}</option>)}</select>
      </>
    }>
      {points.length === 0 ? <Empty title="No run has both of these" /> : (
        <div className="chart" ref={box} style={{ height: HEIGHT }}>
          {width > 0 && (
            <svg width={width} height={HEIGHT} aria-label={`${labelOf(idY)} over ${labelOf(idX)}, ${points.length} runs`}>
              {ticks(y.domain, 4).map((tick) => <g key={tick}><line className="grid" x1={PAD.left} x2={width - PAD.right} y1={y(tick)} y2={y(tick)} /><text className="axis" x={PAD.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">{metric(tick)}</text></g>)}
              {(log ? logTicks(x.domain, 4) : ticks(x.domain, Math.max(2, Math.floor(width / 90)))).map((tick) => <text key={tick} className="axis" x={x(tick)} y={HEIGHT - 6} textAnchor="middle">{metric(tick)}</text>)}
              {line !== null && <path className="fit" d={fitPath(line.slope, line.intercept, x, y)} />}
              {points.map(({ run, x: px, y: py }) => (
                <Link key={run.run_id} to={paths.run(run.run_id)} aria-label={`${nameOf(run)}: ${metric(px)}, ${metric(py)}`}>
                  <circle className="dot-mark" cx={x(px)} cy={y(py)} r={lit === run.run_id ? 7 : 4.5} fill={look.get(run.run_id)?.color} opacity={lit === null || lit === run.run_id ? 0.85 : 0.25}><title>{`${nameOf(run)}: ${metric(px)}, ${metric(py)}`}</title></circle>
                </Link>
              ))}
            </svg>
          )}
        </div>
      )}
      {points.length > 0 && <p className="chart-note plain">{line === null ? "No straight line: all runs stand above one another." : <>R² {cell(line.r2)} over {line.n} runs: {labelOf(idY)} = {cell(line.slope)} × {labelOf(idX)} {line.intercept < 0 ? "−" : "+"} {cell(Math.abs(line.intercept))}</>}</p>}
    </Panel>
  );
}

/** On a logarithmic axis a straight line is a curve, so it is drawn in pieces. */
function fitPath(slope: number, intercept: number, x: ReturnType<typeof linear>, y: ReturnType<typeof linear>): string {
  const [left, right] = x.range;
  return Array.from({ length: 41 }, (_, i) => left + ((right - left) * i) / 40).map((px, i) => `${i === 0 ? "M" : "L"}${px.toFixed(1)} ${y(intercept + slope * x.invert(px)).toFixed(1)}`).join("");
}
