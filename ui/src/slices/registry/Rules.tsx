import type { ReactNode } from "react";
import type { GateRule } from "../../api/registry";
import { Bullet } from "../../kit/chart/Small";
import { metric, num } from "../../kit/format";
import { Inline } from "../../kit/Inline";
import { State } from "../../kit/State";
import { toneOf } from "../../kit/tone";
import { isRequirement } from "./gateWords";
import "./registry.css";

/** The rules of a gate with what was seen: the bar is the observed value, the notch the bound. What is required of a version has neither. */
export function Rules({ rules }: { rules: GateRule[] }): ReactNode {
  return (
    <ul className="rules">
      {rules.map((rule) => (
        <li key={`${rule.kind} ${rule.name} ${rule.metric}`}>
          <State of={rule.verdict} />
          <b>{rule.name}</b>
          {isRequirement(rule) ? <span className="faint small">required of a version</span>
            : rule.bound === null ? <span className="faint small">{metric(rule.observed)}</span>
            : <Bullet value={num(rule.observed)} bound={num(rule.bound)} tone={toneOf(rule.verdict)} label={`${rule.metric} ${metric(rule.observed)}, bound ${metric(rule.bound)}`} />}
          {/* That what is required is there says its name already. */}
          {(!isRequirement(rule) || rule.verdict !== "passed") && <span className="muted small"><Inline text={rule.detail} /></span>}
        </li>
      ))}
    </ul>
  );
}
