import type { ReactNode } from "react";
import type { GateRule } from "../../api/registry";
import { Bullet } from "../../kit/chart/Small";
import { metric, num } from "../../kit/format";
import { State } from "../../kit/State";
import { toneOf } from "../../kit/tone";
import "./registry.css";

/** The rules of a gate with what was seen: the bar is the observed value, the notch the bound. */
export function Rules({ rules }: { rules: GateRule[] }): ReactNode {
  return (
    <ul className="rules">
      {rules.map((rule) => (
        <li key={`${rule.name} ${rule.metric}`}>
          <State of={rule.verdict} />
          <b>{rule.name}</b>
          {rule.bound === null ? <span className="faint small">{metric(rule.observed)}</span>
            : <Bullet value={num(rule.observed)} bound={num(rule.bound)} tone={toneOf(rule.verdict)} label={`${rule.metric} ${metric(rule.observed)}, bound ${metric(rule.bound)}`} />}
          <span className="muted small">{rule.detail}</span>
        </li>
      ))}
    </ul>
  );
}
