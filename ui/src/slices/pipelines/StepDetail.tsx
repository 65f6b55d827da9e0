import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Step } from "../../api/pipelines";
import { Id } from "../../kit/Copy";
import { bytes, duration } from "../../kit/format";
import { paths } from "../../kit/links";
import { Inline } from "../../kit/Inline";
import { Facts, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Elapsed } from "../../kit/Time";

/** One step: why it ran or did not, what it took, what it left. */
export function StepDetail({ step }: { step: Step }): ReactNode {
  return (
    <Panel title={<>{step.name}<State of={step.state} /></>} className="step-detail">
      <div className="stack">
        {step.error !== null && <p className={step.state === "refused" ? "inline-error no" : "inline-error"}><Inline text={step.error} /></p>}
        <Facts items={[
          ["Cache", step.cache === null ? null : <span key="c"><b>{step.cache.hit ? "hit" : "miss"}</b>: <Inline text={step.cache.why} /></span>],
          ["Key", step.cache === null ? null : <Id key="k" value={step.cache.key} />],
          ["Took", step.started_at === null ? null : <Elapsed key="t" from={step.started_at} to={step.finished_at} />],
          ["CPU", step.cpu_seconds === null ? null : duration(step.cpu_seconds * 1000)],
          ["Peak memory", step.peak_memory_bytes === null ? null : bytes(step.peak_memory_bytes)],
          ["Attempt", step.attempt > 1 ? step.attempt : null],
          ["Exit code", step.exit_code === null || step.exit_code === 0 ? null : step.exit_code],
          ["Needs", step.needs.length === 0 ? null : step.needs.join(", ")],
          ["Tracked as", step.tracking_run_id === null ? null : <Link key="r" className="link" to={paths.run(step.tracking_run_id)}>run {step.tracking_run_id.slice(0, 8)}</Link>],
        ]} />
        {step.outputs.length > 0 && (
          <div>
            <h3 className="sub">Outputs</h3>
            <ul className="outputs">{step.outputs.map((each) => <li key={each.name}><code className="truncate">{each.name}</code><span className="faint small">{bytes(each.bytes)}</span><Id value={each.digest} length={8} /></li>)}</ul>
          </div>
        )}
      </div>
    </Panel>
  );
}
