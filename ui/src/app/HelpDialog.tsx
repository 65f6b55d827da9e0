import type { ReactNode } from "react";
import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import { PLACES } from "./nav";

const KEYS: [string, string][] = [
  ["Ctrl K", "Search and commands"],
  ["/", "The same"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["x", "Select the row"],
  ["Enter", "Open the row"],
  ["← →", "Walk the marks on the timeline"],
  ["↑ ↓", "Walk the spans of a trace; ← → fold and unfold"],
  ["t", "Change the theme"],
  ["?", "This help"],
];

export function HelpDialog({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Dialog title="Keyboard" onClose={onClose} className="help">
      <div className="row spread"><h2 className="dialog-title">Keyboard</h2><Button kind="ghost" icon="close" aria-label="Close" onClick={onClose} /></div>
      <div className="cols-2">
        <dl className="keys">{PLACES.map((place) => <Key key={place.key} keys={`g ${place.key}`} does={place.label} />)}</dl>
        <dl className="keys">{KEYS.map(([keys, does]) => <Key key={keys} keys={keys} does={does} />)}</dl>
      </div>
    </Dialog>
  );
}

function Key({ keys, does }: { keys: string; does: string }): ReactNode {
  return <div><dt>{keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{does}</dd></div>;
}
