import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router-dom";
import type { PipelineRun } from "../../api/pipelines";
import { isNotFound } from "../../api/problem";
import { Button } from "../../kit/Button";
import { Failure, Skeleton } from "../../kit/Feedback";
import { count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { LogLines } from "./LogView";
import "./pipelines.css";
import { pipelineRun } from "./queries";
import { tailOf } from "./tail";
import { useLog } from "./useLog";

/** What a step writes, on the page of the run that it tracks. */
export function StepConsole({ runId, step }: { runId: string; step: string }): ReactNode {
  const query = useQuery(pipelineRun(runId));
  // A run that was imported may tell of a pipeline run that another server has.
  if (isNotFound(query.error)) return null;
  if (query.data === undefined) return <Panel title="Console">{query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Skeleton lines={3} />}</Panel>;
  return <Console key={`${runId} ${step}`} run={query.data} step={step} />;
}

function Console({ run, step: name }: { run: PipelineRun; step: string }): ReactNode {
  const [whole, setWhole] = useState(false);
  const log = useLog(run.id, name);
  const step = run.steps.find((each) => each.name === name);
  const working = step?.state === "running";
  // While it works one reads along; afterwards its last words are what one looks for first.
  const { lines, left } = tailOf(log.lines, working || whole);
  return (
    <Panel title={<>Console{step !== undefined && <State of={step.state} />}{working && log.state === "open" && <span className="live on"><i />live</span>}</>} flush className="log-panel"
      aside={<><Link className="link" to={`${paths.pipelineRun(run.id)}?step=${encodeURIComponent(name)}`}>step {name} of {run.pipeline} #{run.number}</Link>
        {!working && (left > 0 || whole) && <Button kind="ghost" aria-expanded={whole} onClick={() => setWhole(!whole)}>{whole ? "Last lines" : `All ${count(log.lines.length)} lines`}</Button>}</>}>
      <LogLines lines={lines} named={false} cut={log.cut || left > 0} className={working || whole ? "" : "few"} none={log.state === "connecting" ? "Reading…" : working ? `${name} has written nothing yet.` : `${name} has written nothing.`} />
    </Panel>
  );
}
