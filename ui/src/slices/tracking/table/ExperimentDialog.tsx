import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Confirm } from "../../../kit/Dialog";
import { experiments } from "../queries";

interface ExperimentDialogProps {
  title: string;
  action: string;
  children: ReactNode;
  onConfirm: (experimentId: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks for an experiment. */
export function ExperimentDialog({ title, action, children, onConfirm, onClose }: ExperimentDialogProps): ReactNode {
  const list = useQuery(experiments());
  const [chosen, setChosen] = useState<string | null>(null);
  const to = chosen ?? list.data?.[0]?.experiment_id ?? "";
  return (
    <Confirm title={title} action={action} reason={false} onConfirm={() => onConfirm(to)} onClose={onClose}>
      <div className="stack tight">
        <p>{children}</p>
        <label className="field"><span>Experiment</span>
          <select value={to} onChange={(event) => setChosen(event.target.value)}>
            {(list.data ?? []).map((each) => <option key={each.experiment_id} value={each.experiment_id}>{each.name}</option>)}
          </select>
        </label>
      </div>
    </Confirm>
  );
}
