/** The rows of the table: runs as they come, or groups with their runs under them. */
import type { Run } from "../../../api/tracking";
import type { RunGroup } from "./group";

export type Item =
  | { kind: "run"; key: string; run: Run; fields: ReadonlySet<string> | null; inside: boolean }
  | { kind: "group"; key: string; group: RunGroup; open: boolean };

export interface Rows {
  count: number;
  /** `undefined` for a row that is on its way. */
  at: (index: number) => Item | undefined;
  /** Where a row stands now; -1 when it is not at hand. */
  find: (key: string) => number;
}

/** The name of a group in addresses and sets. */
export const groupKey = (group: RunGroup): string => `group ${group.value ?? ""}${group.value === null ? " none" : ""}`;

export function groupRows(groups: RunGroup[], open: ReadonlySet<string>, fieldsOf: (run: Run) => ReadonlySet<string> | null): Rows {
  const items: Item[] = [];
  for (const group of groups) {
    const key = groupKey(group);
    items.push({ kind: "group", key, group, open: open.has(key) });
    if (open.has(key)) for (const run of group.runs) items.push({ kind: "run", key: run.run_id, run, fields: fieldsOf(run), inside: true });
  }
  return { count: items.length, at: (index) => items[index], find: (key) => items.findIndex((item) => item.key === key) };
}
