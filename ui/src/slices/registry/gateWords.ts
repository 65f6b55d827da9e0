/** What a declared gate asks, in words. */
import type { Gate, GateRule } from "../../api/registry";
import { metric, percent } from "../../kit/format";

export interface Asked {
  /** Bounds that every candidate must keep. */
  floors: string[];
  champion: string | null;
  /** What a version must have before an alias may point to it. */
  needs: string[];
  /** The aliases that ask for it; empty for all. */
  aliases: string[];
}

export function asked(gate: Gate): Asked {
  const { floors = [], champion, require } = gate;
  return {
    floors: floors.map(({ metric: key, min, max }) => `${key} ${[min === undefined ? [] : [`at least ${metric(min)}`], max === undefined ? [] : [`at most ${metric(max)}`]].flat().join(" and ")}`),
    champion: champion === undefined ? null : `${champion.metric} ${(champion.tolerance ?? 0) > 0 ? `at most ${percent(champion.tolerance, 2)} worse` : "no worse"} than that of the champion, on the same rows`,
    needs: [...(require?.gate ? ["the consent of the gate"] : []), ...(require?.description ? ["a description"] : []), ...(require?.tags ?? []).map((tag) => `the tag \`${tag}\``)],
    aliases: require?.aliases ?? [],
  };
}

/** Whether a rule is about what a version has rather than about what was measured. */
export const isRequirement = (rule: { kind: string }): boolean => rule.kind === "requirement";

/** The sentence that says most of a decision: what refused first, or the last thing that was measured. */
export const whyOf = (rules: GateRule[]): string => (rules.find((rule) => rule.verdict !== "passed") ?? rules.findLast((rule) => !isRequirement(rule)) ?? rules.at(-1))?.detail ?? "";
