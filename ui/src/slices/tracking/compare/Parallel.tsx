import { type KeyboardEvent, type PointerEvent, type ReactNode, useMemo, useRef, useState } from "react";
import type { Run } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { linePath } from "../../../kit/chart/scale";
import { textWidth } from "../../../kit/chart/textWidth";
import { useWidth } from "../../../kit/chart/useWidth";
import { count, metric } from "../../../kit/format";
import { Panel } from "../../../kit/Page";
import { Popover } from "../../../kit/Popover";
import { type Axis, type Brushes, axisOf, labelOf, within } from "./axes";
import { nameOf } from "./curves";

const HEIGHT = 300;
const PAD = { left: 46, right: 64, top: 42, bottom: 34 };
const AXIS_PX = 108;
/** The least height of a brush, and a step of the arrow keys. */
const STEP = 0.05;
const MARKS = 8;

interface ParallelProps {
  runs: Run[];
  axes: string[];
  ids: string[];
  target: string;
  lit: string | null;
  onLit: (id: string | null) => void;
  onAxes: (axes: string[]) => void;
  onKeep: (ids: string[]) => void;
}

/** Each run as a line over all axes. A brush on an axis keeps the lines that pass through it. */
export function Parallel({ runs, axes: chosen, ids, target, lit, onLit, onAxes, onKeep }: ParallelProps): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [brushes, setBrushes] = useState<Brushes>({});
  const axes = useMemo(() => chosen.map((id) => axisOf(runs, id, metric)), [runs, chosen]);
  const kept = useMemo(() => within(runs, axes, brushes), [runs, axes, brushes]);
  const inside = new Set(kept.map((run) => run.run_id));
  const tone = useMemo(() => axisOf(runs, `metrics.${target}`, metric), [runs, target]);
  const wide = Math.max(width, PAD.left + PAD.right + AXIS_PX * (axes.length - 1));
  const x = (index: number) => PAD.left + (axes.length < 2 ? 0 : (index * (wide - PAD.left - PAD.right)) / (axes.length - 1));
  const y = (place: number) => (Number.isNaN(place) ? HEIGHT - PAD.bottom + 16 : HEIGHT - PAD.bottom - place * (HEIGHT - PAD.top - PAD.bottom));
  const brush = (id: string, range: [number, number] | null) => setBrushes((old) => {
    const rest = Object.entries(old).filter(([key]) => key !== id);
    return Object.fromEntries(range === null ? rest : [...rest, [id, range]]);
  });
  const brushed = axes.some((axis) => brushes[axis.id] !== undefined);
  const missing = axes.some((axis) => runs.some((run) => Number.isNaN(axis.place(run))));
  return (
    <Panel title="Parallel coordinates" flush aside={
      <>
        {brushed && <><span role="status">{count(kept.length)} of {count(runs.length)} runs</span><Button disabled={kept.length === 0} onClick={() => onKeep(kept.map((run) => run.run_id))}>Compare only these</Button><Button kind="ghost" onClick={() => setBrushes({})}>Clear</Button></>}
        <Popover label="Axes" title="Axes" side="end">{() => <AxisPicker ids={ids} axes={chosen} onAxes={onAxes} />}</Popover>
      </>
    }>
      {/* The drawing scrolls sideways on narrow screens, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="parallel-box" ref={box} tabIndex={0} role="region" aria-label="Parallel coordinates">
        {width > 0 && (
          <div className="parallel" style={{ width: wide, height: HEIGHT }}>
            <svg width={wide} height={HEIGHT} role="img" aria-label={`${runs.length} runs over ${axes.map((axis) => axis.label).join(", ")}`}>
              {runs.map((run) => {
                const at = tone.place(run);
                return (
                  <path key={run.run_id} className={`parallel-line ${inside.has(run.run_id) ? "" : "out"} ${lit === run.run_id ? "lit" : ""} ${lit !== null && lit !== run.run_id ? "dim" : ""}`} onPointerEnter={() => onLit(run.run_id)} onPointerLeave={() => onLit(null)}
                    style={{ stroke: Number.isNaN(at) ? "var(--idle-mark)" : `color-mix(in oklab, var(--run-2) ${Math.round(at * 100)}%, var(--run-1))` }} d={linePath(axes.map((axis, i) => [x(i), y(axis.place(run))]))}><title>{nameOf(run)}</title></path>
                );
              })}
              {axes.map((axis, i) => <Drawn key={axis.id} axis={axis} x={x(i)} last={i === axes.length - 1} room={axes.length < 2 ? wide : x(1) - x(0)} y={y} brush={brushes[axis.id]} />)}
              {missing && <text className="axis" x={4} y={HEIGHT - PAD.bottom + 20}>none</text>}
            </svg>
            {axes.map((axis, i) => <Brush key={axis.id} axis={axis} x={x(i)} range={brushes[axis.id]} onBrush={(range) => brush(axis.id, range)} />)}
          </div>
        )}
      </div>
      <p className="chart-note">Drag along an axis to keep the runs that pass there. Lines go from <b className="low">blue</b>, the lowest {target}, to <b className="high">orange</b>, the highest.</p>
    </Panel>
  );
}

function Drawn({ axis, x, last, room, y, brush }: { axis: Axis; x: number; last: boolean; room: number; y: (place: number) => number; brush: [number, number] | undefined }): ReactNode {
  const shown = axis.kind === "words" && axis.marks.length > MARKS ? [] : axis.marks;
  const at = (i: number) => (shown.length === 1 ? 0.5 : i / (shown.length - 1));
  let title = axis.kind === "log" ? `${axis.label} (log)` : axis.label;
  while (title.length > 4 && textWidth(title, 11.5, 600) > room - 10) title = `${title.slice(0, -2).replace(/…$/, "")}…`;
  return (
    <g>
      <line className="parallel-axis" x1={x} x2={x} y1={y(0)} y2={y(1)} />
      {brush !== undefined && <rect className="parallel-brush" x={x - 7} width={14} y={y(brush[1])} height={Math.max(2, y(brush[0]) - y(brush[1]))} rx={2} />}
      <text className="parallel-name" x={x} y={18} textAnchor="middle"><title>{axis.label}</title>{title}</text>
      {shown.map((mark, i) => <text key={mark} className="axis halo" x={last ? x + 9 : x - 9} y={y(at(i))} dy="0.32em" textAnchor={last ? "start" : "end"}>{mark.length > 14 ? `${mark.slice(0, 13)}…` : mark}</text>)}
    </g>
  );
}

/** Where an axis is brushed: with the pointer, or with the arrow keys (with shift its upper edge), Escape to clear. */
function Brush({ axis, x, range, onBrush }: { axis: Axis; x: number; range: [number, number] | undefined; onBrush: (range: [number, number] | null) => void }): ReactNode {
  const from = useRef<number | null>(null);
  const placeOf = (event: PointerEvent) => {
    const area = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, 1 - (event.clientY - area.top) / area.height));
  };
  const move = (event: PointerEvent) => {
    if (from.current === null) return;
    const here = placeOf(event);
    if (Math.abs(here - from.current) > 0.01) onBrush([Math.min(from.current, here), Math.max(from.current, here)]);
  };
  const keys = (event: KeyboardEvent) => {
    const by = event.key === "ArrowUp" ? STEP : event.key === "ArrowDown" ? -STEP : 0;
    if (event.key === "Escape") onBrush(null);
    if (by === 0) return;
    event.preventDefault();
    const [low, high] = range ?? [0, 1];
    if (event.shiftKey) onBrush([low, Math.min(1, Math.max(low + STEP, high + by))]);
    else onBrush([Math.min(high - STEP, Math.max(0, low + by)), high]);
  };
  const said = range === undefined ? "no brush" : `brushed from ${Math.round(range[0] * 100)} to ${Math.round(range[1] * 100)} per cent`;
  return (
    <button type="button" className="brush" style={{ left: x - 12, top: PAD.top, height: HEIGHT - PAD.top - PAD.bottom }} aria-label={`${axis.label}: ${said}. Up and down move the lower edge, with shift the upper one, Escape clears`}
      onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); from.current = placeOf(event); onBrush(null); }} onPointerMove={move} onPointerUp={() => { from.current = null; }} onKeyDown={keys} />
  );
}

function AxisPicker({ ids, axes, onAxes }: { ids: string[]; axes: string[]; onAxes: (axes: string[]) => void }): ReactNode {
  const [text, setText] = useState("");
  const found = ids.filter((id) => labelOf(id).toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <div className="picker">
      <input type="search" aria-label="Search axes" placeholder="Search parameters and metrics" value={text} onChange={(event) => setText(event.target.value)} />
      <fieldset>
        <legend>Axes</legend>
        {found.slice(0, 60).map((id) => (
          <label key={id} className="row">
            <input type="checkbox" checked={axes.includes(id)} onChange={(event) => onAxes(event.target.checked ? [...axes, id] : axes.filter((each) => each !== id))} />
            <span className="truncate">{labelOf(id)}</span><span className="faint small">{id.startsWith("metrics.") ? "metric" : "parameter"}</span>
          </label>
        ))}
      </fieldset>
    </div>
  );
}
