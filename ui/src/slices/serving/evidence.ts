/** Numbers for the chart of a release's evidence. Pure. */
import type { Evidence, Release } from "../../api/serving";
import { niceDomain } from "../../kit/chart/scale";

/** How far beyond the later intervals the chart looks; the first ones are so wide that they would flatten all the rest. */
const VIEW = 2.4;

/** The range of differences to show: zero, every mean, and the intervals as far as they are of the last one's size. */
export function differenceDomain(evidence: Evidence[]): [number, number] {
  const judged = evidence.filter((each) => each.mean_difference !== null && each.lower !== null && each.upper !== null);
  const last = judged.at(-1);
  if (evidence.length === 0) return [-1, 1];
  if (last === undefined) return niceDomain([0, ...evidence.map(differenceAt)], 4);
  const means = judged.map((each) => Math.abs(each.mean_difference ?? 0));
  const bound = Math.max(...means.slice(Math.floor(means.length / 3)), Math.abs(last.lower ?? 0), Math.abs(last.upper ?? 0)) * VIEW;
  const cut = (value: number | null) => Math.min(Math.max(value ?? 0, -bound), bound);
  return niceDomain([0, ...evidence.map((each) => cut(differenceAt(each))), ...judged.flatMap((each) => [cut(each.lower), cut(each.upper)])], 4);
}

/** The difference at a look: the judge's, or that of the two means while the judge has too little to say anything. */
export function differenceAt({ mean_difference, champion_mean, candidate_mean }: Evidence): number {
  if (mean_difference !== null) return mean_difference;
  return champion_mean === null || candidate_mean === null ? Number.NaN : candidate_mean - champion_mean;
}

/** The looks worth drawing: those that saw something. */
export const seenLooks = (evidence: Evidence[]): Evidence[] => evidence.filter((each) => !Number.isNaN(differenceAt(each)));

export interface StepSpan {
  step: number;
  share: number;
  /** Indexes of the first and the last piece of evidence in the step. */
  from: number;
  to: number;
}

export function stepSpans(release: Release, evidence: Evidence[] = release.evidence): StepSpan[] {
  const spans: StepSpan[] = [];
  evidence.forEach((each, index) => {
    const last = spans.at(-1);
    if (last !== undefined && last.step === each.step) last.to = index;
    else spans.push({ step: each.step, share: release.steps[each.step]?.share ?? Number.NaN, from: index, to: index });
  });
  return spans;
}

/** The sentence under the chart. */
export function verdictWords(release: Release): string {
  const last = release.evidence.at(-1);
  if (release.state !== "running") return release.reason ?? "";
  if (last === undefined) return "waiting for the first labels";
  if (last.pairs < release.judge.min_samples) return `${last.pairs} of at least ${release.judge.min_samples} ${release.judge.paired ? "pairs" : "samples"}`;
  return last.lower !== null && last.upper !== null && last.lower < 0 && last.upper > 0
    ? "the interval still holds zero: no difference is shown yet"
    : "the interval left zero";
}
