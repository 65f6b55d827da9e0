import { type ReactNode, useEffect, useState } from "react";
import { short } from "./format";
import { Icon } from "./Icon";

const SHOWN_MS = 1500;

/** A button that puts text on the clipboard and says so. */
export function Copy({ text, label }: { text: string; label: string }): ReactNode {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setDone(true), () => setDone(false));
  return (
    <button type="button" className="copy" onClick={copy} aria-label={done ? "Copied" : label} title={done ? "Copied" : label}>
      <Icon name={done ? "check" : "copy"} size={13} />
    </button>
  );
}

/** A digest or an id: its beginning, the whole on hover, and a copy button. */
export function Id({ value, length = 12 }: { value: string; length?: number }): ReactNode {
  return (
    <span className="id">
      <code title={value}>{short(value, length)}</code>
      <Copy text={value} label={`Copy ${value}`} />
    </span>
  );
}
