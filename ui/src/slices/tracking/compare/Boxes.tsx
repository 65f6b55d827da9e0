import { type ReactNode, useMemo, useState } from "react";
import type { Run } from "../../../api/tracking";
import { linear, niceDomain, ticks } from "../../../kit/chart/scale";
import { useWidth } from "../../../kit/chart/useWidth";
import { Empty } from "../../../kit/Feedback";
import { metric, num } from "../../../kit/format";
import { Panel } from "../../../kit/Page";
import { groupValues } from "./curves";
import { type Box, box as boxOf } from "./maths";

const ROW = 38;
const FOOT = 24;
const LABEL_PX = 96;
const VALUES = 12;

/** A metric for each value of a parameter: the middle half as a box, its median, and what lies far outside. */
export function Boxes({ runs, params, target }: { runs: Run[]; params: string[]; target: string }): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [chosen, setChosen] = useState<string | null>(null);
  const key = chosen ?? params[0] ?? "";
  const rows = useMemo(() => groupValues(runs, `params.${key}`).map((value) => {
    const values = runs.filter((run) => (run.params[key] ?? null) === value).map((run) => num(run.metrics[target]?.value)).filter(Number.isFinite);
    return { value: value ?? "not set", values, found: boxOf(values) };
  }).filter((row) => row.found !== null), [runs, key, target]);
  const shown = rows.slice(0, VALUES);
  const x = linear(niceDomain(shown.flatMap((row) => row.values), 4), [LABEL_PX, Math.max(LABEL_PX + 1, width - 14)]);
  const height = shown.length * ROW + FOOT;
  return (
    <Panel title="By value" aside={params.length > 0 && <select aria-label="Parameter of the boxes" value={key} onChange={(event) => setChosen(event.target.value)}>{params.map((each) => <option key={each}>{each}</option>)}</select>}>
      {shown.length === 0 ? <Empty title="No parameter differs between these runs" /> : (
        <div className="chart" ref={box} style={{ height }}>
          {width > 0 && (
            <svg width={width} height={height} role="img" aria-label={`${target} by ${key}: ${shown.map((row) => `${row.value} median ${metric(row.found?.median)}`).join(", ")}`}>
              {ticks(x.domain, Math.max(2, Math.floor((width - LABEL_PX) / 70))).map((tick) => <g key={tick}><line className="grid" x1={x(tick)} x2={x(tick)} y1={0} y2={height - FOOT} /><text className="axis" x={x(tick)} y={height - 6} textAnchor="middle">{metric(tick)}</text></g>)}
              {shown.map((row, i) => row.found !== null && <Drawn key={row.value} label={row.value} found={row.found} values={row.values} y={i * ROW + ROW / 2} x={x} />)}
            </svg>
          )}
        </div>
      )}
      {shown.length > 0 && <p className="chart-note plain">{target}: median and middle half; whiskers reach one and a half boxes.{rows.length > VALUES && ` The first ${VALUES} of ${rows.length} values.`}</p>}
    </Panel>
  );
}

function Drawn({ label, found, values, y, x }: { label: string; found: Box; values: number[]; y: number; x: ReturnType<typeof linear> }): ReactNode {
  const words = label.length > 11 ? `${label.slice(0, 10)}…` : label;
  return (
    <g>
      <text className="axis strong" x={0} y={y} dy="0.32em"><title>{label}</title>{words}<tspan className="axis" dx={6}>n {found.n}</tspan></text>
      <title>{`${label}: median ${metric(found.median)}, middle half ${metric(found.q1)} to ${metric(found.q3)}, ${found.n} runs`}</title>
      <line className="whisker" x1={x(found.low)} x2={x(found.high)} y1={y} y2={y} />
      <rect className="box" x={x(found.q1)} width={Math.max(1.5, x(found.q3) - x(found.q1))} y={y - 9} height={18} rx={2} />
      {values.map((value, i) => <circle key={`${value} ${String(i)}`} className="box-dot" cx={x(value)} cy={y + ((i * 7) % 11) - 5} r={2} />)}
      <line className="median" x1={x(found.median)} x2={x(found.median)} y1={y - 10} y2={y + 10} />
    </g>
  );
}
