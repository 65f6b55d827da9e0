import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Cause } from "../api/shapes";
import { pathOf } from "./links";

const WORDS: Record<string, string> = { user: "by", alert: "alert", schedule: "schedule", event: "event", pipeline_run: "run", release: "release" };

/** Why something happened, with the way to it. `brief` names only what kind of thing it was, where its words stand already. */
export function CauseText({ cause, brief = false }: { cause: Cause | null; brief?: boolean }): ReactNode {
  if (cause === null || cause === undefined || cause.kind === undefined) return null;
  const path = pathOf(cause.kind, cause.id);
  const kind = WORDS[cause.kind] ?? cause.kind;
  const words = cause.summary || cause.id;
  const whole = cause.kind === "user" ? (cause.summary || `by ${cause.id}`) : `${kind}: ${words}`;
  const text = brief ? `the ${kind}` : whole;
  return path === null ? <span title={whole}>{text}</span> : <Link className="link cause" to={path} title={whole}>{text}</Link>;
}

/** A reference like `bikes@2` or `bikes/3` as a link. */
export function RefLink({ kind, id, children }: { kind: string; id: string; children?: ReactNode }): ReactNode {
  const path = pathOf(kind, id);
  return path === null ? <span>{children ?? id}</span> : <Link className="link" to={path}>{children ?? id}</Link>;
}
