import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ApiError } from "../../../api/problem";
import type { Retention, RetentionPreview } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { Dialog } from "../../../kit/Dialog";
import { Loaded, Skeleton } from "../../../kit/Feedback";
import { Inline } from "../../../kit/Inline";
import { toast } from "../../../kit/Toast";
import { dropRetention, previewRetention, setRetention } from "../changes";
import { retention } from "../queries";
import { type Typed, ruleOf, saysGoing, typedOf } from "./rule";

interface RetentionDialogProps {
  experimentId: string;
  experiment: string;
  onClose: () => void;
}

/** The rule of how long an experiment's runs are kept: made, tried without harm, taken away. */
export function RetentionDialog({ experimentId, experiment, onClose }: RetentionDialogProps): ReactNode {
  const query = useQuery(retention(experimentId));
  const title = `How long runs of ${experiment} are kept`;
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="stack">
        <h2 className="dialog-title">{title}</h2>
        <Loaded query={query} skeleton={<Skeleton lines={5} />}>{(rule) => <Rule experimentId={experimentId} rule={rule} onClose={onClose} />}</Loaded>
      </div>
    </Dialog>
  );
}

function Rule({ experimentId, rule, onClose }: { experimentId: string; rule: Retention | null; onClose: () => void }): ReactNode {
  const client = useQueryClient();
  const [typed, setTyped] = useState<Typed>(() => typedOf(rule));
  const [would, setWould] = useState<RetentionPreview["would"] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<Typed>) => {
    setTyped({ ...typed, ...part });
    // What was looked at was the rule before.
    setWould(null);
  };
  const act = async (does: () => Promise<unknown>, said: string | null) => {
    setBusy(true);
    setFailure(null);
    try {
      await does();
      if (said === null) return;
      await client.invalidateQueries({ queryKey: retention(experimentId).queryKey });
      toast({ text: said });
      onClose();
    } catch (error) {
      const hint = error instanceof ApiError && error.problem.hint !== null ? ` ${error.problem.hint}` : "";
      setFailure(`${error instanceof Error ? error.message : "It did not work."}${hint}`);
    } finally {
      setBusy(false);
    }
  };
  const save = () => act(() => setRetention(experimentId, ruleOf(typed)), "The rule is kept; it is applied once a night");
  const look = () => act(async () => setWould((await previewRetention(experimentId, ruleOf(typed))).would), null);
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <p className="muted">{rule === null ? "They are kept until somebody deletes them. A rule is" : "The rule is"} applied once a night. Runs that have not ended stay, and so do those that a model version names and those that others which stay are nested in.</p>
      <label className="field"><span>Delete runs this long after they ended</span><input value={typed.deleteAfter} placeholder="90d" onChange={(event) => change({ deleteAfter: event.target.value })} /></label>
      <label className="field"><span>Remove deleted runs for good after <span className="faint">(only administrators may say so)</span></span><input value={typed.purgeAfter} placeholder="30d" onChange={(event) => change({ purgeAfter: event.target.value })} /></label>
      <label className="field"><span>Keep runs with the tag</span><input value={typed.keepTagged} placeholder="keep" maxLength={250} onChange={(event) => change({ keepTagged: event.target.value })} /></label>
      {would !== null && (
        <div className="would" role="status">
          <p>Now it would delete {saysGoing(would.delete)}.</p>
          <p>It would remove for good {saysGoing(would.purge)}.</p>
        </div>
      )}
      {failure !== null && <p className="inline-error" role="alert"><Inline text={failure} /></p>}
      <div className="row wrap dialog-foot">
        {rule !== null && <Button kind="danger" disabled={busy} onClick={() => void act(() => dropRetention(experimentId), "The rule was taken away; runs are kept until somebody deletes them")}>Take it away</Button>}
        <Button onClick={onClose}>Cancel</Button>
        <Button disabled={busy} onClick={() => void look()}>See what would go</Button>
        <Button type="submit" kind="primary" disabled={busy}>Keep the rule</Button>
      </div>
    </form>
  );
}
