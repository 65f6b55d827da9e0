import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router-dom";
import type { Run } from "../../api/tracking";
import { Button } from "../../kit/Button";
import { paths } from "../../kit/links";
import { toast } from "../../kit/Toast";
import { deleteRuns, restoreRuns } from "./changes";
import { RenameDialog } from "./RunDialogs";

const isDeleted = (run: Run): boolean => run.lifecycle === "deleted";

/** What can be done with one run. Deleting it leads back to the others, with a way to take it back. */
export function RunActions({ run }: { run: Run }): ReactNode {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [renaming, setRenaming] = useState(false);
  const changed = () => client.invalidateQueries({ queryKey: ["runs"] });
  const name = run.name || run.run_id.slice(0, 8);
  const restore = async () => {
    await restoreRuns([run.run_id]);
    await changed();
  };
  const erase = async () => {
    try {
      await deleteRuns([run.run_id]);
      toast({ text: `${name} was deleted`, action: { label: "Undo", run: async () => { await restore(); await navigate(paths.run(run.run_id)); } } });
      await navigate(`${paths.runs()}?experiment=${encodeURIComponent(run.experiment)}`);
      void changed();
    } catch (error) {
      toast({ text: error instanceof Error ? error.message : "It did not work.", tone: "bad" });
    }
  };
  return (
    <>
      <Button onClick={() => setRenaming(true)}>Rename</Button>
      {!isDeleted(run) && <Button kind="danger" onClick={() => void erase()}>Delete</Button>}
      {renaming && <RenameDialog run={run} onClose={() => setRenaming(false)} />}
    </>
  );
}

/** Says that a run is deleted, where somebody followed a link to it. */
export function DeletedMark({ run }: { run: Run }): ReactNode {
  const client = useQueryClient();
  if (!isDeleted(run)) return null;
  const restore = async () => {
    try {
      await restoreRuns([run.run_id]);
      await client.invalidateQueries({ queryKey: ["runs"] });
    } catch (error) {
      toast({ text: error instanceof Error ? error.message : "It did not work.", tone: "bad" });
    }
  };
  return <div className="run-deleted"><span>This run is deleted: tables and searches leave it out.</span><Button onClick={() => void restore()}>Restore</Button></div>;
}
