import { type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/problem";
import { Button } from "./Button";
import { Inline } from "./Inline";

interface DialogProps {
  title: string;
  onClose: () => void;
  className?: string;
  children: ReactNode;
}

/** A modal on the browser's own `<dialog>`: it traps focus, closes on Escape and gives focus back. */
export function Dialog({ title, onClose, className = "", children }: DialogProps): ReactNode {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
  }, []);
  // A press on the backdrop is a press on the dialog element itself; its content covers the rest.
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog ref={box} className={`dialog ${className}`} aria-label={title} onClose={onClose}
      onClick={(event) => event.target === box.current && onClose()}>
      <div className="dialog-content">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  /** Whether to ask for a reason, which the audit trail keeps. */
  reason?: boolean;
  onConfirm: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something changes, says what will happen, and shows the server's refusal in place. */
export function Confirm({ title, children, action, danger = false, reason = true, onConfirm, onClose }: ConfirmProps): ReactNode {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm(text.trim());
      onClose();
    } catch (failure) {
      const hint = failure instanceof ApiError && failure.problem.hint !== null ? ` ${failure.problem.hint}` : "";
      setError(`${failure instanceof Error ? failure.message : "It did not work."}${hint}`);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); void confirm(); }}>
        <h2 className="dialog-title">{title}</h2>
        <div className="muted">{children}</div>
        {reason && (
          <label className="field">
            <span>Reason <span className="faint">(kept in the audit trail)</span></span>
            <input value={text} onChange={(event) => setText(event.target.value)} maxLength={500} placeholder="Why now?" />
          </label>
        )}
        {error !== null && <p className="inline-error" role="alert"><Inline text={error} /></p>}
        <div className="row dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} disabled={busy}>{busy ? "Working…" : action}</Button>
        </div>
      </form>
    </Dialog>
  );
}
