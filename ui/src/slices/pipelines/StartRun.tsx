import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router-dom";
import type { Pipeline } from "../../api/pipelines";
import { Button } from "../../kit/Button";
import { Confirm } from "../../kit/Dialog";
import { paths } from "../../kit/links";
import { startRun } from "./queries";

/** What was typed for a parameter, in the type its default has. */
export function typed(text: string, original: unknown): unknown {
  if (typeof original === "number") {
    const value = Number(text);
    return text.trim() === "" || Number.isNaN(value) ? text : value;
  }
  if (typeof original === "boolean") return text === "true";
  return text;
}

/** Starts a run with the declared parameters, which can be changed for this run. */
export function StartRun({ pipeline }: { pipeline: Pipeline }): ReactNode {
  const [open, setOpen] = useState(false);
  const [changed, setChanged] = useState<Record<string, string>>({});
  const [force, setForce] = useState(false);
  const navigate = useNavigate();
  const client = useQueryClient();
  const start = async (reason: string) => {
    const params = Object.fromEntries(Object.entries(changed).map(([name, text]) => [name, typed(text, pipeline.params[name])]));
    const run = await startRun(pipeline.name, { params, reason: reason === "" ? "started from the UI" : reason, force });
    await client.invalidateQueries({ queryKey: ["pipeline-runs"] });
    void navigate(paths.pipelineRun(run.id));
  };
  return (
    <>
      <Button kind="primary" icon="play" onClick={() => setOpen(true)}>Start a run</Button>
      {open && (
        <Confirm title={`Start ${pipeline.name}`} action="Start" onConfirm={start} onClose={() => setOpen(false)}>
          <div className="stack">
            <p>Steps whose inputs have not changed are taken from the cache.</p>
            {Object.entries(pipeline.params).map(([name, value]) => (
              <label key={name} className="field">
                <span><code>{name}</code></span>
                {typeof value === "boolean"
                  ? <select value={changed[name] ?? String(value)} onChange={(event) => setChanged({ ...changed, [name]: event.target.value })}><option>true</option><option>false</option></select>
                  : <input value={changed[name] ?? String(value ?? "")} onChange={(event) => setChanged({ ...changed, [name]: event.target.value })} spellCheck={false} />}
              </label>
            ))}
            <label className="row"><input type="checkbox" checked={force} onChange={(event) => setForce(event.target.checked)} />Run every step, cached or not</label>
          </div>
        </Confirm>
      )}
    </>
  );
}
