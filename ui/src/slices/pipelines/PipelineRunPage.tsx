import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router-dom";
import { type PipelineRun, type Step, isActive } from "../../api/pipelines";
import { Button } from "../../kit/Button";
import { CauseText, RefLink } from "../../kit/Cause";
import { Dag } from "../../kit/dag/Dag";
import { Confirm } from "../../kit/Dialog";
import { Loaded, Skeleton } from "../../kit/Feedback";
import { bytes, duration, elapsed, plain } from "../../kit/format";
import { Inline } from "../../kit/Inline";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { toneOf } from "../../kit/tone";
import { Ago, Elapsed } from "../../kit/Time";
import { gateDecisions } from "../registry/queries";
import { LogView } from "./LogView";
import { cpuSeconds } from "./PipelineRunTable";
import "./pipelines.css";
import { cancelRun, pipelineRun } from "./queries";
import { StepDetail } from "./StepDetail";

export default function PipelineRunPage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(pipelineRun(id));
  const data = query.data;
  const title = data === undefined ? "Pipeline run" : `${data.pipeline} #${data.number}`;
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <State of={data.state} />}</>}
      crumbs={[{ label: "Pipelines", to: paths.pipelines() }, ...(data === undefined ? [] : [{ label: data.pipeline, to: paths.pipeline(data.pipeline) }])]}
      meta={data !== undefined && <Meta run={data} />} actions={data !== undefined && isActive(data.state) && <Cancel run={data} />}>
      <Loaded query={query} skeleton={<><Skeleton height={220} /><Skeleton height={280} /></>}>{(run) => <Body run={run} />}</Loaded>
    </Page>
  );
}

function Meta({ run }: { run: PipelineRun }): ReactNode {
  return (
    <>
      <CauseText cause={run.cause} />
      {run.dataset_version !== null && <span>on <RefLink kind="dataset_version" id={run.dataset_version} /></span>}
      <span>started <Ago at={run.created_at} /></span>
      <span>{run.finished_at === null ? "running for" : "took"} <Elapsed from={run.started_at} to={run.finished_at} /></span>
      <span>{duration(cpuSeconds(run) * 1000)} of CPU</span>
    </>
  );
}

function Body({ run }: { run: PipelineRun }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const wanted = run.steps.find((step) => step.name === search.get("step"));
  const picked = wanted ?? run.steps.find((step) => ["running", "failed", "refused"].includes(step.state)) ?? run.steps.findLast((step) => step.kind === "run" && step.state === "succeeded") ?? run.steps[0];
  const running = new Set(run.steps.filter((step) => step.state === "running").map((step) => step.name));
  return (
    <>
      {run.error !== null && <p className={`run-error ${toneOf(run.state)}`} role="status"><Inline text={run.error} />{run.state === "refused" && <GateLink run={run} />}</p>}
      <Panel title="Steps" aside={run.reason !== null && <span>{run.reason}</span>} flush>
        <Dag label={`Steps of ${run.pipeline} #${run.number}`} picked={picked?.name ?? null} onPick={(step) => setSearch({ step }, { replace: true })}
          active={(_, to) => running.has(to)} nodes={run.steps.map(nodeOf)} />
      </Panel>
      <div className="cols-run">
        {picked !== undefined && <StepDetail step={picked} />}
        <LogView key={run.id} run={run} step={picked?.name ?? null} />
      </div>
      {Object.keys(run.params).length > 0 && (
        <Panel title="Parameters"><Facts wide items={Object.entries(run.params).map(([key, value]): [string, ReactNode] => [key, <code key={key}>{value === "" ? '""' : plain(value)}</code>])} /></Panel>
      )}
    </>
  );
}

function GateLink({ run }: { run: PipelineRun }): ReactNode {
  const query = useQuery(gateDecisions());
  const gate = query.data?.find((each) => each.pipeline_run === run.id);
  return gate === undefined ? null : <> <Link className="link" to={paths.gateDecision(gate.id)}>See the decision</Link></>;
}

function nodeOf(step: Step) {
  const memory = step.peak_memory_bytes === null ? "" : bytes(step.peak_memory_bytes);
  const cpu = step.cpu_seconds === null ? "" : `${duration(step.cpu_seconds * 1000)} CPU`;
  const foot = step.state === "cached" ? "from the cache" : [cpu, memory].filter(Boolean).join(" · ");
  const tone = toneOf(step.state);
  const took = step.started_at !== null && step.finished_at !== null ? elapsed(step.started_at, step.finished_at) : "";
  return {
    id: step.name,
    needs: step.needs,
    className: tone === "good" || tone === "idle" ? step.state : tone,
    content: (
      <>
        <span className="row spread"><span className="node-name">{step.name}</span><span className="small faint">{took}</span></span>
        <span className="row spread"><State of={step.state} />{step.attempt > 1 && <span className="small faint">attempt {step.attempt}</span>}</span>
        <span className="node-foot">{foot}</span>
      </>
    ),
  };
}

function Cancel({ run }: { run: PipelineRun }): ReactNode {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const cancel = async (reason: string) => {
    await cancelRun(run.id, reason);
    await client.invalidateQueries({ queryKey: ["pipeline-runs"] });
  };
  return (
    <>
      <Button kind="danger" icon="stop" onClick={() => setOpen(true)}>Cancel</Button>
      {open && (
        <Confirm title={`Cancel ${run.pipeline} #${run.number}?`} action="Cancel the run" danger onConfirm={cancel} onClose={() => setOpen(false)}>
          The running step is ended. Steps that have finished stay in the cache for the next run.
        </Confirm>
      )}
    </>
  );
}
