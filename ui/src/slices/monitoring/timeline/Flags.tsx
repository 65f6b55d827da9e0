import type { ReactNode } from "react";
import type { Scale } from "../../../kit/chart/scale";
import { textWidth } from "../../../kit/chart/textWidth";
import { iconPath } from "../../../kit/Icon";
import { type Flag, fullest, placeFlags, wordings } from "./flagPlaces";
import { FLAG_HEIGHT, FLAG_ROWS, PAD } from "./geometry";
import { MarkLink } from "./MarkLink";
import { KIND, type Mark } from "./model";

const ICON = 11;
const WORDS_AT = ICON + 9;
const FONT = { size: 11, weight: 550 };

interface FlagsProps {
  flags: Flag[];
  x: Scale;
  /** Where the strip of the flags begins, and where their poles end. */
  top: number;
  bottom: number;
  onPick: (marks: Mark[] | null) => void;
}

/** The happenings that explain the line, by name, each on a pole that stands at its moment. */
export function Flags({ flags, x, top, bottom, onPick }: FlagsProps): ReactNode {
  const [low, high] = x.domain;
  const seen = flags.filter((flag) => flag.mark.ms >= low && flag.mark.ms <= high);
  const attempt = fullest(wordings(seen).map((words) => {
    const widths = words.map((each) => WORDS_AT + textWidth(each, FONT.size, FONT.weight));
    const wishes = seen.map((flag, index) => ({ x: x(flag.mark.ms), width: widths[index] ?? 0, rank: flag.rank }));
    return { words, widths, places: placeFlags(wishes, FLAG_ROWS, x.range[0], x.range[1] + PAD.right) };
  }));
  return (
    <>
      {seen.map((flag, index) => {
        const place = attempt?.places[index];
        if (place === null || place === undefined) return null;
        const pole = x(flag.mark.ms);
        const width = attempt?.widths[index] ?? 0;
        const y = top + place.row * FLAG_HEIGHT;
        const right = place.side === "right";
        return (
          <MarkLink key={flag.mark.key} mark={flag.mark} className="flag" onPointerEnter={() => onPick([flag.mark])} onPointerLeave={() => onPick(null)}>
            <line className="pole" x1={pole} x2={pole} y1={y + 1} y2={bottom} />
            <rect className="flag-room" x={right ? pole : pole - width} y={y} width={width} height={FLAG_HEIGHT - 2} />
            <path transform={`translate(${right ? pole + 5 : pole - 5 - ICON} ${y + 2}) scale(${ICON / 16})`} d={iconPath(KIND[flag.mark.kind].icon)} />
            <text x={right ? pole + WORDS_AT : pole - WORDS_AT} y={y + FLAG_HEIGHT / 2 - 1} dy="0.33em" textAnchor={right ? "start" : "end"}>{attempt?.words[index]}</text>
          </MarkLink>
        );
      })}
    </>
  );
}
