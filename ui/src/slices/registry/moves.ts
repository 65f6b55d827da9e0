import type { AliasMove } from "../../api/registry";

/** The last move of each alias: only that one can be undone without undoing what came after. */
export function latestMoves(moves: AliasMove[]): Set<AliasMove> {
  const latest = new Map<string, AliasMove>();
  for (const move of moves) {
    const known = latest.get(move.alias);
    if (known === undefined || move.at > known.at) latest.set(move.alias, move);
  }
  return new Set(latest.values());
}
