import { type PointerEvent, type ReactNode, useId, useState } from "react";
import type { Evidence, Release } from "../../api/serving";
import { type Scale, bandPath, linePath, linear, nearest, ticks } from "../../kit/chart/scale";
import { Tip, TipRow } from "../../kit/chart/Tip";
import { useWidth } from "../../kit/chart/useWidth";
import { count, metric, micros, moment, percent, signed, words } from "../../kit/format";
import { labelOf } from "../../kit/tone";
import { differenceAt, differenceDomain, seenLooks, stepSpans, verdictWords } from "./evidence";
import "./serving.css";

const PAD = { left: 54, right: 22, top: 26, bottom: 22 };
const PAIRS_PX = 90;
/** More looks than this and their dots would be a thick line. */
const MOST_DOTS = 60;
const nanIfNull = (value: number | null): number => value ?? Number.NaN;

/** The confidence sequence of candidate minus champion, closing on its decision. Below zero the candidate is better. */
export function EvidenceChart({ release: whole, height = 260 }: { release: Release; height?: number }): ReactNode {
  const [box, width] = useWidth<HTMLDivElement>();
  const [hover, setHover] = useState<number | null>(null);
  const release = { ...whole, evidence: seenLooks(whole.evidence) };
  const { evidence } = release;
  const places = evidence.map((each) => each.pairs);
  const x = linear([0, Math.max(places.at(-1) ?? 1, 1)], [PAD.left, Math.max(width - PAD.right, PAD.left + 40)]);
  const y = linear(differenceDomain(evidence), [height - PAD.bottom, PAD.top]);
  const move = (event: PointerEvent) => setHover(evidence.length === 0 ? null : nearest(places, x.invert(event.clientX - event.currentTarget.getBoundingClientRect().left)));
  const at = hover === null ? undefined : evidence[hover];
  return (
    <figure className="evidence">
      <div className="chart" ref={box} style={{ height }} onPointerMove={move} onPointerLeave={() => setHover(null)}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={describe(release)}>
            <Ground release={release} x={x} y={y} width={width} height={height} />
            <Sequence release={release} x={x} y={y} width={width} height={height} />
            {hover !== null && <line className="crosshair" x1={x(places[hover] ?? 0)} x2={x(places[hover] ?? 0)} y1={PAD.top} y2={height - PAD.bottom} />}
          </svg>
        )}
        {at !== undefined && hover !== null && <Tip x={x(places[hover] ?? 0)} y={PAD.top} width={width}><EvidenceTip evidence={at} paired={release.judge.paired} /></Tip>}
      </div>
      <figcaption className="row spread small faint wrap">
        <span>difference in {words(release.judge.metric)}, candidate minus champion, with its {percent(1 - release.judge.alpha)} interval at every look</span>
        {release.state === "running" && <span>{verdictWords(release)}</span>}
      </figcaption>
    </figure>
  );
}

interface PartProps {
  release: Release;
  x: Scale;
  y: Scale;
  width: number;
  height: number;
}

function Ground({ release, x, y, width, height }: PartProps): ReactNode {
  const right = width - PAD.right;
  const zero = y(0);
  const pairsAt = (index: number) => x(release.evidence[index]?.pairs ?? 0);
  const unit = release.judge.paired ? "pairs" : "samples";
  return (
    <>
      <rect className="better-side" x={PAD.left} y={zero} width={Math.max(0, right - PAD.left)} height={Math.max(0, height - PAD.bottom - zero)} />
      {ticks(y.domain as [number, number], 4).map((tick) => (
        <g key={tick}>
          <line className={tick === 0 ? "zero" : "grid"} x1={PAD.left} x2={right} y1={y(tick)} y2={y(tick)} />
          <text className="axis" x={PAD.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">{signed(tick)}</text>
        </g>
      ))}
      <text className="axis side" x={right - 8} y={height - PAD.bottom - 7} textAnchor="end">candidate better ↓</text>
      {stepSpans(release).map((span, index) => {
        const from = index === 0 ? PAD.left : (pairsAt(span.from) + pairsAt(span.from - 1)) / 2;
        return (
          <g key={span.step}>
            {index > 0 && <line className="step-line" x1={from} x2={from} y1={8} y2={height - PAD.bottom} />}
            <text className="axis step-label" x={from + 6} y={16}>{percent(span.share)}</text>
          </g>
        );
      })}
      {ticks(x.domain, Math.max(2, Math.floor((right - PAD.left) / PAIRS_PX))).filter((tick) => Number.isInteger(tick)).map((tick) => (
        <text key={tick} className="axis" x={x(tick)} y={height - 6} textAnchor="middle">{count(tick)}{tick === 0 ? ` ${unit}` : ""}</text>
      ))}
    </>
  );
}

function Sequence({ release, x, y, width, height }: PartProps): ReactNode {
  const id = useId().replaceAll(":", "");
  const { evidence } = release;
  const last = evidence.findLast((each) => each.mean_difference !== null);
  const judged = evidence.findIndex((each) => each.mean_difference !== null);
  const firstJudged = judged < 0 ? evidence.length : judged;
  const lastX = x(last?.pairs ?? 0);
  const band = bandPath(evidence.map((each) => [x(each.pairs), y(nanIfNull(each.lower)), y(nanIfNull(each.upper))]));
  const edge = (side: "lower" | "upper") => linePath(evidence.map((each) => [x(each.pairs), y(nanIfNull(each[side]))]));
  return (
    <>
      <clipPath id={id}><rect x={PAD.left} y={PAD.top - 4} width={Math.max(0, width - PAD.left)} height={Math.max(0, height - PAD.top - PAD.bottom + 4)} /></clipPath>
      <g clipPath={`url(#${id})`}>
        <path className="band" d={band} />
        <path className="band-edge" d={edge("lower")} />
        <path className="band-edge" d={edge("upper")} />
        {firstJudged > 0 && <path className="early" d={linePath(evidence.slice(0, firstJudged + 1).map((each) => [x(each.pairs), y(differenceAt(each))]))} />}
        <path className="mean" d={linePath(evidence.map((each) => [x(each.pairs), y(nanIfNull(each.mean_difference))]))} />
        {evidence.length <= MOST_DOTS && evidence.map((each) => <circle key={`${each.step} ${each.pairs} ${each.at}`} className={each.mean_difference === null ? "look early" : "look"} cx={x(each.pairs)} cy={y(differenceAt(each))} r={2.2} />)}
      </g>
      {last !== undefined && last.mean_difference !== null && (
        <g className={`decision ${release.state}`}>
          <line x1={lastX} x2={lastX} y1={y(nanIfNull(last.lower))} y2={y(nanIfNull(last.upper))} />
          <line x1={lastX - 4} x2={lastX + 4} y1={y(nanIfNull(last.lower))} y2={y(nanIfNull(last.lower))} />
          <line x1={lastX - 4} x2={lastX + 4} y1={y(nanIfNull(last.upper))} y2={y(nanIfNull(last.upper))} />
          <circle cx={lastX} cy={y(last.mean_difference)} r={4.5} />
        </g>
      )}
    </>
  );
}

function EvidenceTip({ evidence, paired }: { evidence: Evidence; paired: boolean }): ReactNode {
  return (
    <>
      <p className="tip-time">{evidence.event_time === null ? "" : `${moment(evidence.event_time)} · `}{count(evidence.pairs)} {paired ? "pairs" : "samples"}</p>
      <TipRow label="difference" color="var(--candidate)" value={signed(differenceAt(evidence))} />
      <TipRow label="interval" value={evidence.lower === null || evidence.upper === null ? "not yet" : `${signed(evidence.lower)} to ${signed(evidence.upper)}`} />
      <TipRow label="champion" value={metric(evidence.champion_mean)} />
      <TipRow label="candidate" value={metric(evidence.candidate_mean)} />
      <TipRow label="p99" value={`${micros(evidence.champion_p99_us)} / ${micros(evidence.candidate_p99_us)}`} />
      <TipRow label="failures" value={`${evidence.champion_failures} / ${evidence.candidate_failures}`} />
      <TipRow label="verdict" value={labelOf(evidence.verdict)} />
    </>
  );
}

function describe(release: Release): string {
  const last = release.evidence.at(-1);
  if (last === undefined) return "No evidence yet";
  return `Confidence sequence of the difference after ${last.pairs} ${release.judge.paired ? "pairs" : "samples"}: ${signed(last.mean_difference)}, interval ${signed(last.lower)} to ${signed(last.upper)}; ${labelOf(last.verdict)}`;
}
