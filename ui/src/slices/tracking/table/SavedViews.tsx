import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Button } from "../../../kit/Button";
import { Popover } from "../../../kit/Popover";
import { toast } from "../../../kit/Toast";
import { forgetView, saveView } from "../changes";
import { savedViews } from "../queries";

interface SavedViewsProps {
  experimentId: string | undefined;
  /** The address of what is shown now. */
  search: string;
  onOpen: (search: string) => void;
}

/** Views under a name, kept by the server for everybody; and the address, which is the view itself. */
export function SavedViews({ experimentId, search, onOpen }: SavedViewsProps): ReactNode {
  return (
    <Popover label="Views" title="Saved views" side="end">
      {(close) => (
        <div className="saved">
          {experimentId === undefined
            ? <p className="muted">Choose an experiment to keep views under a name.</p>
            : <Named experimentId={experimentId} search={search} onOpen={(each) => { close(); onOpen(each); }} />}
          <Button icon="copy" onClick={() => void navigator.clipboard?.writeText(window.location.href).then(() => toast({ text: "The link to this view was copied" }))}>Copy the link to this view</Button>
        </div>
      )}
    </Popover>
  );
}

function Named({ experimentId, search, onOpen }: { experimentId: string; search: string; onOpen: (search: string) => void }): ReactNode {
  const client = useQueryClient();
  const query = useQuery(savedViews(experimentId));
  const [name, setName] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const change = async (act: () => Promise<unknown>) => {
    setFailure(null);
    try {
      await act();
      const { queryKey } = savedViews(experimentId);
      // A first answer still on its way is from before the change, and nothing would ask again after it.
      await client.cancelQueries({ queryKey });
      await client.invalidateQueries({ queryKey });
    } catch (error) {
      setFailure(error instanceof Error ? error.message : "It did not work.");
    }
  };
  if (query.data === null) return <p className="muted">This server keeps no named views; the link holds everything.</p>;
  const list = query.data ?? [];
  return (
    <>
      {list.length === 0 && query.data !== undefined && <p className="muted">No view was saved yet.</p>}
      {query.isError && <p className="inline-error" role="alert">{query.error.message}</p>}
      <ul className="ordering">
        {list.map((view) => (
          <li key={view.name} className="row">
            <button type="button" className="plain-link grow truncate" aria-current={view.search === search ? "true" : undefined} onClick={() => onOpen(view.search)}>{view.name}</button>
            <Button kind="ghost" icon="close" aria-label={`Forget the view ${view.name}`} onClick={() => void change(() => forgetView(experimentId, view.name))} />
          </li>
        ))}
      </ul>
      <form className="row" onSubmit={(event) => { event.preventDefault(); void change(() => saveView(experimentId, { name: name.trim(), search })).then(() => setName("")); }}>
        <input className="grow" aria-label="Name of the view" placeholder="Name this view" value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" disabled={name.trim() === ""}>Save</Button>
      </form>
      {failure !== null && <p className="inline-error" role="alert">{failure}</p>}
    </>
  );
}
