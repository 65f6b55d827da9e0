import type { Going, Retention } from "../../../api/tracking";
import { count } from "../../../kit/format";

/** The fields of the form, as they were typed. */
export interface Typed {
  deleteAfter: string;
  purgeAfter: string;
  keepTagged: string;
}

export const typedOf = (rule: Retention | null): Typed => ({ deleteAfter: rule?.delete_after ?? "", purgeAfter: rule?.purge_after ?? "", keepTagged: rule?.keep_tagged ?? "" });

/** The rule as the API takes it: what was left empty is left out. */
export function ruleOf(typed: Typed): Retention {
  const [deleteAfter, purgeAfter, keepTagged] = [typed.deleteAfter.trim(), typed.purgeAfter.trim(), typed.keepTagged.trim()];
  return { ...(deleteAfter === "" ? {} : { delete_after: deleteAfter }), ...(purgeAfter === "" ? {} : { purge_after: purgeAfter }), ...(keepTagged === "" ? {} : { keep_tagged: keepTagged }) };
}

/** Names that one reads; the others are counted. */
const NAMED = 8;

/** `12 runs: a, b and 10 others`. */
export function saysGoing(going: Going): string {
  if (going.count === 0) return "no run";
  const names = going.runs.slice(0, NAMED).map((run) => run.name || run.run_id.slice(0, 8));
  const others = going.count - names.length;
  return `${count(going.count)} ${going.count === 1 ? "run" : "runs"}: ${names.join(", ")}${others > 0 ? ` and ${count(others)} ${others === 1 ? "other" : "others"}` : ""}`;
}
