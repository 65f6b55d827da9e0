import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router-dom";
import type { Run } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { count } from "../../../kit/format";
import { paths } from "../../../kit/links";
import { toast } from "../../../kit/Toast";
import { copyRuns, deleteRuns, moveRuns, restoreRuns } from "../changes";
import { PurgeDialog } from "../PurgeDialog";
import { NoteDialog, RenameDialog } from "../RunDialogs";
import { experiments } from "../queries";
import type { Lifecycle } from "./view";
import { ExperimentDialog } from "./ExperimentDialog";

/** More runs than these make no picture that one can read. */
export const COMPARED_MAX = 60;

interface SelectionBarProps {
  runs: Run[];
  /** How many there are, where that is known. */
  total: number | null;
  lifecycle: Lifecycle;
  onClear: () => void;
}

const several = (n: number): string => `${count(n)} ${n === 1 ? "run" : "runs"}`;

/** What can be done with the selected runs. */
export function SelectionBar({ runs, total, lifecycle, onClear }: SelectionBarProps): ReactNode {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [dialog, setDialog] = useState<"rename" | "note" | "move" | "copy" | "purge" | null>(null);
  const list = useQuery(experiments());
  const ids = runs.map((run) => run.run_id);
  const only = runs.length === 1 ? runs[0] : undefined;
  const changed = () => client.invalidateQueries({ queryKey: ["runs"] });
  const act = async (does: () => Promise<unknown>, text: string, undo: (() => Promise<unknown>) | null) => {
    try {
      await does();
      onClear();
      toast({ text, ...(undo === null ? {} : { action: { label: "Undo", run: () => undo().then(changed) } }) });
    } catch (error) {
      toast({ text: error instanceof Error ? error.message : "It did not work.", tone: "bad" });
    } finally {
      void changed();
    }
  };
  const name = (id: string) => list.data?.find((each) => each.experiment_id === id)?.name ?? id;
  const move = async (to: string) => {
    const before = new Map<string, string[]>();
    for (const run of runs) before.set(run.experiment_id, [...(before.get(run.experiment_id) ?? []), run.run_id]);
    await moveRuns(ids, to);
    onClear();
    void changed();
    toast({ text: `${several(ids.length)} moved to ${name(to)}`, action: { label: "Undo", run: async () => {
      for (const [id, members] of before) await moveRuns(members, id);
      await changed();
    } } });
  };
  const copy = async (to: string) => {
    await copyRuns(ids, to);
    onClear();
    void changed();
    toast({ text: `${several(ids.length)} copied to ${name(to)}` });
  };
  return (
    <div className="selection" role="toolbar" aria-label="Selected runs">
      <b>{count(runs.length)}{runs.length > COMPARED_MAX && total !== null && total > runs.length ? ` of ${count(total)}` : ""} selected</b>
      <Button kind="primary" disabled={runs.length > COMPARED_MAX} title={runs.length > COMPARED_MAX ? `${COMPARED_MAX} at most` : undefined} onClick={() => void navigate(paths.compareRuns(ids))}>Compare</Button>
      {lifecycle === "active" ? (
        <>
          {only !== undefined && <Button onClick={() => setDialog("rename")}>Rename</Button>}
          {only !== undefined && <Button onClick={() => setDialog("note")}>Note</Button>}
          <Button onClick={() => setDialog("move")}>Move</Button>
          <Button onClick={() => setDialog("copy")}>Copy</Button>
          <Button kind="danger" onClick={() => void act(() => deleteRuns(ids), `${several(ids.length)} deleted`, () => restoreRuns(ids))}>Delete</Button>
        </>
      ) : (
        <>
          <Button onClick={() => void act(() => restoreRuns(ids), `${several(ids.length)} restored`, () => deleteRuns(ids))}>Restore</Button>
          <Button kind="danger" onClick={() => setDialog("purge")}>Delete for good</Button>
        </>
      )}
      <Button kind="ghost" onClick={onClear}>Clear</Button>
      {dialog === "purge" && <PurgeDialog ids={ids} onDone={onClear} onClose={() => setDialog(null)} />}
      {dialog === "rename" && only !== undefined && <RenameDialog run={only} onClose={() => setDialog(null)} />}
      {dialog === "note" && only !== undefined && <NoteDialog runId={only.run_id} onClose={() => setDialog(null)} />}
      {dialog === "move" && <ExperimentDialog title={`Move ${several(ids.length)}`} action="Move" onConfirm={move} onClose={() => setDialog(null)}>Their metrics, parameters, tags and artifacts go with them.</ExperimentDialog>}
      {dialog === "copy" && <ExperimentDialog title={`Copy ${several(ids.length)}`} action="Copy" onConfirm={copy} onClose={() => setDialog(null)}>The copies are runs of their own; what happens to one does not happen to the other.</ExperimentDialog>}
    </div>
  );
}
