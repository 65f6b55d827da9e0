import { type ReactNode, useMemo } from "react";
import type { Scale } from "../../../kit/chart/scale";
import { moment } from "../../../kit/format";
import { iconPath } from "../../../kit/Icon";
import { type Cluster, clustersOf } from "./clusters";
import { LANE_HEIGHT } from "./geometry";
import { MarkLink } from "./MarkLink";
import { KIND, LANES, type Mark, dodge } from "./model";

const MARK = 19;
const GAP = MARK + 2;

interface LanesProps {
  marks: Mark[];
  x: Scale;
  top: number;
  onPick: (marks: Mark[] | null) => void;
}

/** What happened, one lane for each part of the loop. A mark that had to move aside keeps a line to its true place. */
export function Lanes({ marks, x, top, onPick }: LanesProps): ReactNode {
  const [left, right] = x.range;
  const lanes = useMemo(() => lanesOf(marks, x), [marks, x]);
  const order = new Map(lanes.flat().toSorted((a, b) => a.lead.ms - b.lead.ms).map((cluster, index) => [cluster, index]));
  return (
    <>
      {LANES.map((lane, index) => {
        const mine = lanes[index] ?? [];
        const wishes = mine.map((cluster) => x(middleOf(cluster)));
        const places = dodge(wishes, GAP, left + MARK / 2, right - MARK / 2);
        const y = top + index * LANE_HEIGHT;
        const middle = y + LANE_HEIGHT / 2 + 2;
        return (
          <g key={lane.name}>
            <line className="lane-line" x1={left} x2={right} y1={middle} y2={middle} />
            <text className="axis lane-name" x={left - 10} y={middle} dy="0.32em" textAnchor="end">{lane.name}</text>
            {mine.map((cluster, i) => (Math.abs((wishes[i] ?? 0) - (places[i] ?? 0)) > 3
              ? <path key={cluster.lead.key} className="leader" d={`M${wishes[i]} ${y}L${places[i]} ${middle - MARK / 2}`} /> : null))}
            {mine.map((cluster, i) => <Drawn key={cluster.lead.key} cluster={cluster} order={order.get(cluster) ?? 0} at={places[i] ?? 0} middle={middle} onPick={onPick} />)}
          </g>
        );
      })}
    </>
  );
}

function lanesOf(marks: Mark[], x: Scale): Cluster[][] {
  const seen = marks.filter((mark) => mark.ms >= x.domain[0] && mark.ms <= x.domain[1]);
  const room = x.range[1] - x.range[0];
  return LANES.map((_, index) => {
    const mine = seen.filter((mark) => mark.lane === index);
    return clustersOf(mine, mine.map((mark) => x(mark.ms)), GAP, room);
  });
}

const middleOf = ({ members }: Cluster): number => ((members[0]?.ms ?? 0) + (members.at(-1)?.ms ?? 0)) / 2;

const words = (mark: Mark): string => `${KIND[mark.kind].label}, ${moment(mark.t)}: ${mark.title}${mark.detail ? `, ${mark.detail}` : ""}`;

interface DrawnProps {
  cluster: Cluster;
  order: number;
  at: number;
  middle: number;
  onPick: (marks: Mark[] | null) => void;
}

function Drawn({ cluster, order, at, middle, onPick }: DrawnProps): ReactNode {
  const { lead, members } = cluster;
  const pick = () => onPick(members);
  const leave = () => onPick(null);
  const box = { width: MARK, height: MARK, rx: 5.5 };
  return (
    <MarkLink mark={lead} className="mark" label={members.map(words).join("; ")} order={order} holds={members.length} onPointerEnter={pick} onPointerLeave={leave} onFocus={pick} onBlur={leave}>
      {members.length > 1 && <rect className="more" x={at - MARK / 2 + 2.5} y={middle - MARK / 2 - 2.5} {...box} />}
      <rect x={at - MARK / 2} y={middle - MARK / 2} {...box} />
      <path transform={`translate(${at - 5.6} ${middle - 5.6}) scale(.7)`} d={iconPath(KIND[lead.kind].icon)} />
    </MarkLink>
  );
}
