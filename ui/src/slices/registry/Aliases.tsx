import type { ReactNode } from "react";
import "./registry.css";

/** Aliases with the version each names. */
export function Aliases({ aliases }: { aliases: Record<string, number> }): ReactNode {
  const list = Object.entries(aliases).toSorted(([a], [b]) => a.localeCompare(b));
  if (list.length === 0) return <span className="faint">none</span>;
  return <span className="row wrap tight">{list.map(([alias, version]) => <AliasTag key={alias} alias={alias} version={version} />)}</span>;
}

export function AliasTag({ alias, version }: { alias: string; version?: number }): ReactNode {
  return <span className={`tag alias ${alias}`}>@{alias}{version !== undefined && <b>{version}</b>}</span>;
}
