import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "./Button";
import type { IconName } from "./Icon";

interface PopoverProps {
  label: ReactNode;
  /** What the opened box is called. */
  title: string;
  icon?: IconName;
  className?: string;
  /** On which side of its button the box stands. */
  side?: "start" | "end";
  children: (close: () => void) => ReactNode;
}

/** A button that opens a box below itself. Escape, a press elsewhere, or leaving it by keys closes it. */
export function Popover({ label, title, icon, className = "", side = "start", children }: PopoverProps): ReactNode {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const elsewhere = (event: Event) => {
      // What was pressed may have gone from the page in the meantime; that was no press elsewhere.
      if (event.target instanceof Node && event.target.isConnected && !(box.current?.contains(event.target) ?? false)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    document.addEventListener("keydown", escape, true);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
      document.removeEventListener("keydown", escape, true);
    };
  }, [open]);
  return (
    <div className={`popover ${side} ${className}`} ref={box}>
      <Button {...(icon === undefined ? {} : { icon })} aria-expanded={open} aria-haspopup="dialog" onClick={() => setOpen(!open)}>{label}</Button>
      {open && <div className="popover-box" role="dialog" aria-label={title}>{children(() => setOpen(false))}</div>}
    </div>
  );
}
