import { type ReactNode, useState } from "react";
import { Button } from "../../../kit/Button";
import { RetentionDialog } from "./RetentionDialog";

/** Opens the rule of how long an experiment's runs are kept. */
export function RetentionButton({ experimentId, experiment }: { experimentId: string; experiment: string }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Retention</Button>
      {open && <RetentionDialog experimentId={experimentId} experiment={experiment} onClose={() => setOpen(false)} />}
    </>
  );
}
