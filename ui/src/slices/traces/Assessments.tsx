import type { ReactNode } from "react";
import type { Assessment } from "../../api/traces";
import { Empty } from "../../kit/Feedback";
import { plain } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { Tag } from "../../kit/State";
import { Ago } from "../../kit/Time";
import type { Tree } from "./tree";

const feedbackLines = (trace: string): string => `mlflow.log_feedback(
  trace_id="${trace}",
  name="correctness",
  value=True)`;

const WHO: Record<string, string> = { HUMAN: "a person", LLM_JUDGE: "a model", CODE: "code", AI_JUDGE: "a model" };

/** What people, programs and models think of the trace. One that another took the place of is kept, and marked so. */
export function Assessments({ trace, list, tree, onPick }: { trace: string; list: Assessment[]; tree: Tree; onPick: (span: string) => void }): ReactNode {
  return (
    <Panel title="Assessments" flush>
      {list.length === 0
        ? <Empty title="Nobody has assessed it yet" example={feedbackLines(trace)}>People, programs and models can say what they think of an answer, and what it should have been.</Empty>
        : <ul className="assessments">{list.map((each) => <One key={each.assessment_id} each={each} spanName={each.span_id === null ? null : tree.nodes.get(each.span_id)?.span.name ?? null} onPick={onPick} />)}</ul>}
    </Panel>
  );
}

function One({ each, spanName, onPick }: { each: Assessment; spanName: string | null; onPick: (span: string) => void }): ReactNode {
  const span = each.span_id;
  return (
    <li className={each.valid ? "" : "replaced"}>
      <span className="row tight"><b className="truncate">{each.name}</b><Tag>{each.kind}</Tag>{!each.valid && <Tag>replaced</Tag>}</span>
      <code className="assessed">{each.error === null ? plain(each.value) : <span className="inline-error">{each.error.error_code}: {each.error.error_message}</span>}</code>
      <span className="faint small who">{each.source_id === "default" ? WHO[each.source_type] ?? each.source_type : `${each.source_id} (${WHO[each.source_type] ?? each.source_type})`}, <Ago at={each.created_at} /></span>
      {(each.rationale !== null || spanName !== null) && (
        <span className="muted small why">{each.rationale}{span !== null && spanName !== null && <> of <button type="button" className="as-link" onClick={() => onPick(span)}>{spanName}</button></>}</span>
      )}
    </li>
  );
}
