import type { ReactNode } from "react";
import { type Tone, labelOf, toneOf } from "./tone";

/** A small shape per tone, so that the meaning does not hang on colour alone. */
export function Dot({ tone, size = 8 }: { tone: Tone; size?: number }): ReactNode {
  return (
    <svg className={`dot ${tone}`} width={size} height={size} viewBox="0 0 8 8" aria-hidden="true">
      {tone === "good" && <circle cx="4" cy="4" r="3.2" fill="currentColor" />}
      {tone === "warn" && <path d="M4 .6l3.7 6.700H.3z" fill="currentColor" />}
      {tone === "bad" && <rect x=".9" y=".9" width="6.2" height="6.2" rx=".8" fill="currentColor" />}
      {tone === "idle" && <circle cx="4" cy="4" r="2.7" fill="none" stroke="currentColor" strokeWidth="1.4" />}
      {tone === "busy" && (
        <>
          <circle cx="4" cy="4" r="2.9" fill="none" stroke="currentColor" strokeWidth="1.6" opacity=".3" />
          <path className="dot-sweep" d="M4 1.100A2.9 2.9 0 0 1 6.9 4" fill="none" stroke="currentColor" strokeWidth="1.6" />
        </>
      )}
    </svg>
  );
}

/** A state with its shape and its words. */
export function State({ of, label, quiet = false }: { of: string; label?: string; quiet?: boolean }): ReactNode {
  const tone = toneOf(of);
  return (
    <span className={`state ${tone}${quiet ? " quiet" : ""}`}>
      <Dot tone={tone} />
      {label ?? labelOf(of)}
    </span>
  );
}

/** A small neutral label: an alias, a type, a tag. */
export function Tag({ children, title }: { children: ReactNode; title?: string }): ReactNode {
  return <span className="tag" title={title}>{children}</span>;
}
