import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Confirm } from "../../kit/Dialog";
import { count } from "../../kit/format";
import { toast } from "../../kit/Toast";
import { purgeRuns } from "./changes";

/** Asks before deleted runs are removed for good. For several of them the number is typed, so that a hand that slipped is noticed. */
export function PurgeDialog({ ids, onDone, onClose }: { ids: string[]; onDone: () => void; onClose: () => void }): ReactNode {
  const client = useQueryClient();
  const many = ids.length > 1;
  const what = many ? `these ${count(ids.length)} runs` : "this run";
  const purge = async () => {
    try {
      await purgeRuns(ids);
      onDone();
      toast({ text: `${many ? `${count(ids.length)} runs were` : "The run was"} deleted for good` });
    } finally {
      // Some may be gone where one was refused.
      void client.invalidateQueries({ queryKey: ["runs"] });
    }
  };
  return (
    <Confirm title={many ? `Delete ${count(ids.length)} runs for good?` : "Delete this run for good?"} action="Delete for good" danger reason={false} onConfirm={purge} onClose={onClose}>
      <div className="stack tight">
        <p>Metrics, parameters, tags and files of {what} go, and nothing brings them back. What a model version was registered with stays.</p>
        {many && <label className="field"><span>Type <b>{ids.length}</b> to go on</span><input required autoComplete="off" inputMode="numeric" pattern={String(ids.length)} title={`the number of runs: ${ids.length}`} /></label>}
      </div>
    </Confirm>
  );
}
