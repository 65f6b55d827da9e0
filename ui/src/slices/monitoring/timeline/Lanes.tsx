import type { ReactNode } from "react";
import { useHref, useLinkClickHandler } from "react-router-dom";
import type { Scale } from "../../../kit/chart/scale";
import { moment } from "../../../kit/format";
import { iconPath } from "../../../kit/Icon";
import { pathOf } from "../../../kit/links";
import { LANE_HEIGHT } from "./geometry";
import { KIND, LANES, type Mark, dodge } from "./model";

const MARK = 20;
const GAP = MARK + 3;

interface LanesProps {
  marks: Mark[];
  x: Scale;
  top: number;
  onPick: (mark: Mark | null) => void;
}

/** What happened, one lane for each part of the loop. A mark that had to move aside keeps a line to its true place. */
export function Lanes({ marks, x, top, onPick }: LanesProps): ReactNode {
  const [left, right] = x.range;
  const seen = marks.filter((mark) => mark.ms >= (x.domain[0] ?? 0) && mark.ms <= (x.domain[1] ?? 0));
  const order = new Map(seen.map((mark, index) => [mark.key, index]));
  return (
    <>
      {LANES.map((lane, index) => {
        const mine = seen.filter((mark) => mark.lane === index);
        const places = dodge(mine.map((mark) => x(mark.ms)), GAP, left + MARK / 2, right - MARK / 2);
        const y = top + index * LANE_HEIGHT;
        return (
          <g key={lane.name}>
            <line className="lane-line" x1={left} x2={right} y1={y + LANE_HEIGHT / 2 + 2} y2={y + LANE_HEIGHT / 2 + 2} />
            <text className="axis lane-name" x={left - 10} y={y + LANE_HEIGHT / 2 + 2} dy="0.32em" textAnchor="end">{lane.name}</text>
            {mine.map((mark, i) => (
              <MarkLink key={mark.key} mark={mark} order={order.get(mark.key) ?? 0} trueX={x(mark.ms)} at={places[i] ?? 0} y={y} onPick={onPick} />
            ))}
          </g>
        );
      })}
    </>
  );
}

interface MarkLinkProps {
  mark: Mark;
  order: number;
  trueX: number;
  at: number;
  y: number;
  onPick: (mark: Mark | null) => void;
}

function MarkLink({ mark, order, trueX, at, y, onPick }: MarkLinkProps): ReactNode {
  const path = mark.link === null ? null : pathOf(mark.link.kind, mark.link.id);
  const href = useHref(path ?? "");
  const follow = useLinkClickHandler<SVGAElement>(path ?? "");
  const middle = y + LANE_HEIGHT / 2 + 2;
  const label = `${KIND[mark.kind].label}, ${moment(mark.t)}: ${mark.title}${mark.detail ? `, ${mark.detail}` : ""}`;
  return (
    <>
      {Math.abs(trueX - at) > 2 && <path className="leader" d={`M${trueX} ${y}L${at} ${middle - MARK / 2}`} />}
      <a href={path === null ? undefined : href} className={`mark ${mark.severity}`} aria-label={label} data-mark-order={order} tabIndex={0} role={path === null ? "img" : undefined}
        onClick={path === null ? undefined : (event) => follow(event as never)}
        onPointerEnter={() => onPick(mark)} onPointerLeave={() => onPick(null)} onFocus={() => onPick(mark)} onBlur={() => onPick(null)}>
        <rect x={at - MARK / 2} y={middle - MARK / 2} width={MARK} height={MARK} rx={6} />
        <path transform={`translate(${at - 6} ${middle - 6}) scale(.75)`} d={iconPath(KIND[mark.kind].icon)} />
      </a>
    </>
  );
}
