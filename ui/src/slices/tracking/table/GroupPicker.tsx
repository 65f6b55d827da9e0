import type { ReactNode } from "react";
import type { KeyGroup } from "./view";

/** By which parameter or tag the rows are put together. */
export function GroupPicker({ group, keys, onGroup }: { group: string; keys: Record<KeyGroup, string[]>; onGroup: (group: string) => void }): ReactNode {
  const ids = [...keys.params.map((key) => `params.${key}`), ...keys.tags.map((key) => `tags.${key}`)];
  const known = group === "" || ids.includes(group);
  return (
    <select aria-label="Group by" className="group-by" value={group} onChange={(event) => onGroup(event.target.value)}>
      <option value="">No groups</option>
      {!known && <option value={group}>{group}</option>}
      {keys.params.length > 0 && <optgroup label="Parameters">{keys.params.map((key) => <option key={key} value={`params.${key}`}>by {key}</option>)}</optgroup>}
      {keys.tags.length > 0 && <optgroup label="Tags">{keys.tags.map((key) => <option key={key} value={`tags.${key}`}>by {key}</option>)}</optgroup>}
    </select>
  );
}
