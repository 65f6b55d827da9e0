import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Run } from "../../api/tracking";
import { Confirm } from "../../kit/Dialog";
import { changeRun } from "./changes";
import { NOTE_TAG, run as oneRun } from "./queries";
import "./notes.css";

export function RenameDialog({ run, onClose }: { run: Run; onClose: () => void }): ReactNode {
  const client = useQueryClient();
  const [name, setName] = useState(run.name);
  const save = async () => {
    await changeRun(run.run_id, { name: name.trim() });
    await client.invalidateQueries({ queryKey: ["runs"] });
  };
  return (
    <Confirm title="Rename the run" action="Rename" reason={false} onConfirm={save} onClose={onClose}>
      <label className="field"><span>Name</span><input value={name} maxLength={250} required onChange={(event) => setName(event.target.value)} /></label>
    </Confirm>
  );
}

/** The note of a run, written where it is not shown: in the table. */
export function NoteDialog({ runId, onClose }: { runId: string; onClose: () => void }): ReactNode {
  const client = useQueryClient();
  const query = useQuery(oneRun(runId));
  const [text, setText] = useState<string | null>(null);
  const notes = text ?? query.data?.tags[NOTE_TAG] ?? "";
  const save = async () => {
    await changeRun(runId, { notes });
    await client.invalidateQueries({ queryKey: ["runs"] });
  };
  return (
    <Confirm title="Note on the run" action="Keep the note" reason={false} onConfirm={save} onClose={onClose}>
      <label className="field"><span>Note <span className="faint">(Markdown)</span></span><textarea rows={8} className="note-field" disabled={query.data === undefined} value={notes} onChange={(event) => setText(event.target.value)} /></label>
    </Confirm>
  );
}
