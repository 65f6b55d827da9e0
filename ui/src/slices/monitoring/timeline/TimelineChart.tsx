import { type KeyboardEvent, type PointerEvent, type ReactNode, useMemo, useRef, useState } from "react";
import type { MonitorWindow, Timeline } from "../../../api/monitoring";
import { linear, nearest, niceDomain } from "../../../kit/chart/scale";
import { Tip, TipRow } from "../../../kit/chart/Tip";
import { useWidth } from "../../../kit/chart/useWidth";
import { metric, moment, relative } from "../../../kit/format";
import { labelOf } from "../../../kit/tone";
import { flagsOf } from "./flagPlaces";
import { Flags } from "./Flags";
import { PAD, PLOT_HEIGHT, frameFor } from "./geometry";
import { Lanes } from "./Lanes";
import { KIND, type Mark, bandsOf, marksOf, stintsOf } from "./model";
import { Plot } from "./Plot";
import "./timeline.css";

/** A drag shorter than this is a click. */
const DRAG_PX = 8;

interface TimelineChartProps {
  timeline: Timeline;
  windows: MonitorWindow[];
  domain: [number, number];
  onZoom: (domain: [number, number]) => void;
}

/** Model quality over event time, with everything that happened on it. Drag to zoom; the marks are links and take focus. */
export function TimelineChart({ timeline, windows, domain, onZoom }: TimelineChartProps): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [hover, setHover] = useState<number | null>(null);
  const [picked, setPicked] = useState<Mark[] | null>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const start = useRef<number | null>(null);
  const marks = useMemo(() => marksOf(timeline), [timeline]);
  const flags = useMemo(() => flagsOf(marks), [marks]);
  const frame = frameFor(flags.length > 0);
  const bands = useMemo(() => bandsOf(marks, domain[1]), [marks, domain]);
  const stints = useMemo(() => stintsOf(windows), [windows]);
  const times = useMemo(() => timeline.points.map((point) => Date.parse(point.t)), [timeline]);
  const values = useMemo(() => {
    const seen = timeline.points.filter((_, i) => (times[i] ?? 0) >= domain[0] && (times[i] ?? 0) <= domain[1]).map((point) => point.value ?? Number.NaN);
    return niceDomain([0, ...seen, (timeline.objective ?? 0) * 1.15], 4);
  }, [timeline, times, domain]);
  const right = Math.max(width - PAD.right, PAD.left + 40);
  const x = useMemo(() => linear(domain, [PAD.left, right]), [domain, right]);
  const y = linear(values, [frame.bottom, frame.top]);

  const move = (event: PointerEvent<SVGRectElement>) => {
    const at = Math.min(Math.max(pixelIn(event), PAD.left), right);
    if (start.current !== null) setDrag([Math.min(start.current, at), Math.max(start.current, at)]);
    setHover(times.length === 0 ? null : nearest(times, x.invert(at)));
  };
  const release = () => {
    if (drag !== null && drag[1] - drag[0] >= DRAG_PX) onZoom([x.invert(drag[0]), x.invert(drag[1])]);
    start.current = null;
    setDrag(null);
  };
  const leave = () => {
    start.current = null;
    setDrag(null);
    setHover(null);
  };
  const pointX = hover === null ? -1 : x(times[hover] ?? 0);
  const seen = picked === null && pointX >= PAD.left && pointX <= right;
  const point = hover === null || !seen ? undefined : timeline.points[hover];
  return (
    <div className="timeline" ref={box} style={{ height: frame.height }} onKeyDown={walkMarks} role="presentation">
      {width > 0 && (
        <svg width={width} height={frame.height} role="group" aria-label={describe(timeline)}>
          <Plot timeline={timeline} windows={windows} times={times} x={x} y={y} bands={bands} stints={stints} poles={flags.map((flag) => x(flag.mark.ms))} frame={frame} />
          {drag !== null && <rect className="drag" x={drag[0]} width={drag[1] - drag[0]} y={frame.top} height={PLOT_HEIGHT} />}
          {point !== undefined && (
            <g className="hover-point">
              <line className="crosshair" x1={pointX} x2={pointX} y1={frame.top} y2={frame.bottom} />
              {point.value !== null && <circle cx={pointX} cy={y(point.value)} r={3.5} />}
            </g>
          )}
          {picked?.map((mark) => <line key={mark.key} className={`mark-line ${mark.severity}`} x1={x(mark.ms)} x2={x(mark.ms)} y1={frame.top} y2={frame.lanesTop} />)}
          <rect className="catcher" x={PAD.left} y={frame.top} width={right - PAD.left} height={frame.ribbon.top + frame.ribbon.height - frame.top}
            onPointerDown={(event) => { start.current = pixelIn(event); }} onPointerMove={move} onPointerUp={release} onPointerLeave={leave} />
          <Flags flags={flags} x={x} top={8} bottom={frame.bottom} onPick={setPicked} />
          <Lanes marks={marks} x={x} top={frame.lanesTop} onPick={setPicked} />
        </svg>
      )}
      {point !== undefined && (
        <Tip x={pointX} y={frame.top} width={width}>
          <p className="tip-time">{moment(point.t)} · event time</p>
          <TipRow label={timeline.metric} color="var(--ink)" value={metric(point.value)} />
          {timeline.objective !== null && <TipRow label="objective" color="var(--bad-mark)" value={metric(timeline.objective)} />}
          <TipRow label={labelOf(point.state)} value={`${point.n} labels`} />
          <VersionRow stints={stints} at={Date.parse(point.t)} />
        </Tip>
      )}
      {picked?.[0] !== undefined && (
        <Tip x={x(picked[0].ms)} y={frame.top} width={width}>{picked.map((mark) => <MarkWords key={mark.key} mark={mark} />)}</Tip>
      )}
    </div>
  );
}

function MarkWords({ mark }: { mark: Mark }): ReactNode {
  return (
    <div className="tip-part">
      <p className="tip-time">{KIND[mark.kind].label} · {moment(mark.t)}</p>
      <p><b>{mark.title}</b></p>
      {mark.detail !== null && mark.detail !== "" && <p className="muted">{mark.detail}</p>}
      <p className="tip-time">happened {relative(mark.at)}</p>
    </div>
  );
}

/** The pointer's place in the whole chart, from an event on the part that catches it. */
function pixelIn(event: PointerEvent<SVGRectElement>): number {
  const svg = event.currentTarget.ownerSVGElement;
  return event.clientX - (svg?.getBoundingClientRect().left ?? 0);
}

function VersionRow({ stints, at }: { stints: ReturnType<typeof stintsOf>; at: number }): ReactNode {
  const stint = stints.find((each) => each.from < at && at <= each.to);
  return stint === undefined ? null : <TipRow label="answered by" value={`version ${stint.version}`} />;
}

function describe(timeline: Timeline): string {
  const last = timeline.points.findLast((point) => point.value !== null);
  const bound = timeline.objective === null ? "" : `, objective ${metric(timeline.objective)}`;
  return `${timeline.metric} of ${timeline.monitor} over event time: latest ${metric(last?.value)}${bound}, ${timeline.annotations.length} annotations`;
}

/** The arrow keys walk from mark to mark in the order of time, across the lanes. */
function walkMarks(event: KeyboardEvent<HTMLDivElement>): void {
  const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (by === 0) return;
  const marks = [...event.currentTarget.querySelectorAll<SVGElement>("[data-mark-order]")]
    .toSorted((a, b) => Number(a.dataset["markOrder"]) - Number(b.dataset["markOrder"]));
  const here = marks.findIndex((each) => each === document.activeElement);
  const next = marks[Math.min(Math.max(here + by, 0), marks.length - 1)];
  if (next !== undefined) {
    event.preventDefault();
    next.focus();
  }
}
