import type { ReactNode } from "react";
import type { Gate } from "../../api/registry";
import { Empty } from "../../kit/Feedback";
import { Inline } from "../../kit/Inline";
import { Facts, Panel } from "../../kit/Page";
import { AliasTag } from "./Aliases";
import { asked } from "./gateWords";

/** What a candidate must keep to become a version, and what a version must have before an alias may point to it. */
export function GatePanel({ gate }: { gate: Gate | null | undefined }): ReactNode {
  const ask = gate === null || gate === undefined ? null : asked(gate);
  if (ask === null || (ask.floors.length === 0 && ask.champion === null && ask.needs.length === 0)) {
    return <Panel title="What its gate asks" flush><Empty title="Nothing: every candidate becomes a version" command="pitcrew apply">Bounds, a comparison with the champion, and what a version must have before an alias may point to it stand under <code>gate</code> of the model in <code>pitcrew.yaml</code>.</Empty></Panel>;
  }
  return (
    <Panel title="What its gate asks">
      <Facts items={[
        ["Bounds", ask.floors.length === 0 ? null : ask.floors.join(", ")],
        ["Champion", ask.champion],
        ["Required", ask.needs.length === 0 ? null : <Inline key="n" text={ask.needs.join(", ")} />],
        ["Required for", ask.needs.length === 0 ? null : ask.aliases.length === 0 ? "every alias" : <span key="a" className="row wrap tight">{ask.aliases.map((alias) => <AliasTag key={alias} alias={alias} />)}</span>],
      ]} />
    </Panel>
  );
}
