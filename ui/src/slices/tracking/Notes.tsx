import { useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api/problem";
import type { Run } from "../../api/tracking";
import { Button } from "../../kit/Button";
import { Inline } from "../../kit/Inline";
import { Panel } from "../../kit/Page";
import { Markdown } from "./artifacts/Markdown";
import { changeRun } from "./changes";
import { NOTE_TAG, run as oneRun } from "./queries";
import "./notes.css";

/** What people wrote about a run, in Markdown, and the place to write it. */
export function Notes({ run }: { run: Run }): ReactNode {
  const client = useQueryClient();
  const kept = run.tags[NOTE_TAG] ?? "";
  /** What is being written; `null` while nobody writes. */
  const [text, setText] = useState<string | null>(null);
  const [seen, setSeen] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const close = () => {
    setText(null);
    setSeen(false);
    setFailure(null);
  };
  const save = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await changeRun(run.run_id, { notes: text ?? "" });
      await client.invalidateQueries({ queryKey: oneRun(run.run_id).queryKey });
      close();
    } catch (error) {
      const hint = error instanceof ApiError && error.problem.hint !== null ? ` ${error.problem.hint}` : "";
      setFailure(`${error instanceof Error ? error.message : "The note was not kept."}${hint}`);
    } finally {
      setBusy(false);
    }
  };
  if (text === null && kept === "") return <p className="note-none"><Button kind="ghost" onClick={() => setText("")}>Write a note</Button></p>;
  return (
    <Panel title="Notes" className="note" aside={text === null
      ? <Button kind="ghost" onClick={() => setText(kept)}>Edit</Button>
      : <Button kind="ghost" aria-pressed={seen} onClick={() => setSeen(!seen)}>{seen ? "Write" : "Look at it"}</Button>}>
      {text === null && <Markdown text={kept} />}
      {text !== null && (
        <form className="stack tight" onSubmit={(event) => { event.preventDefault(); void save(); }}>
          {seen ? <Markdown text={text === "" ? "*nothing yet*" : text} /> : <Field text={text} onText={setText} onSave={() => void save()} onClose={close} />}
          {failure !== null && <p className="inline-error" role="alert"><Inline text={failure} /></p>}
          <div className="row"><Button type="submit" kind="primary" disabled={busy}>{busy ? "Working…" : "Keep the note"}</Button><Button onClick={close}>Cancel</Button><span className="faint small hide-phone">Markdown; <kbd>Ctrl Enter</kbd> keeps it, <kbd>Esc</kbd> does not</span></div>
        </form>
      )}
    </Panel>
  );
}

function Field({ text, onText, onSave, onClose }: { text: string; onText: (text: string) => void; onSave: () => void; onClose: () => void }): ReactNode {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSave();
  };
  return <textarea ref={field} aria-label="Note" className="note-field mono" rows={10} value={text} onChange={(event) => onText(event.target.value)} onKeyDown={keys} placeholder={"## What this run was for\n\nWhat came out, and what to try next."} />;
}
