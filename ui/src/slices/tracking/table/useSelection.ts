import { useCallback, useMemo, useRef, useState } from "react";
import type { Run } from "../../../api/tracking";
import type { Item, Rows } from "./items";

const runsOf = (item: Item): Run[] => (item.kind === "run" ? [item.run] : item.group.runs);

export interface Selection {
  runs: Run[];
  ids: ReadonlySet<string>;
  pick: (index: number, range: boolean) => void;
  pickAll: (runs: Run[]) => void;
  clear: () => void;
}

/** The runs that were picked. They stay picked when they scroll out of the window. */
export function useSelection(rows: Rows): Selection {
  const [picked, setPicked] = useState<ReadonlyMap<string, Run>>(new Map());
  const last = useRef<number | null>(null);
  const pick = useCallback((index: number, range: boolean) => {
    const from = range && last.current !== null ? last.current : index;
    last.current = index;
    const items: Item[] = [];
    for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
      const item = rows.at(at);
      if (item !== undefined) items.push(item);
    }
    const runs = items.flatMap(runsOf);
    setPicked((old) => {
      const next = new Map(old);
      // A range only adds; a single row that was picked wholly is let go.
      const takes = from !== index || runs.some((run) => !old.has(run.run_id));
      for (const run of runs) {
        if (takes) next.set(run.run_id, run);
        else next.delete(run.run_id);
      }
      return next;
    });
  }, [rows]);
  const pickAll = useCallback((runs: Run[]) => setPicked((old) => (runs.length > 0 && runs.every((run) => old.has(run.run_id)) ? new Map() : new Map([...old, ...runs.map((run): [string, Run] => [run.run_id, run])]))), []);
  const clear = useCallback(() => {
    last.current = null;
    setPicked(new Map());
  }, []);
  return useMemo(() => ({ runs: [...picked.values()], ids: new Set(picked.keys()), pick, pickAll, clear }), [picked, pick, pickAll, clear]);
}
