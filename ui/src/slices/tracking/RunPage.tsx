import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { Run } from "../../api/tracking";
import { RefLink } from "../../kit/Cause";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago, Elapsed } from "../../kit/Time";
import { StepConsole } from "../pipelines/StepConsole";
import { Artifacts } from "./Artifacts";
import { Fired } from "./Fired";
import { Machine } from "./Machine";
import { Notes } from "./Notes";
import { NOTE_TAG, run } from "./queries";
import { Children, Parent, TracesOf } from "./Related";
import { DeletedMark, RunActions } from "./RunActions";
import { RunMetrics } from "./RunMetrics";
import { stepOf } from "./stepOf";
import "./tracking.css";

export default function RunPage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(run(id));
  const data = query.data;
  const title = data?.name ?? "Run";
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <State of={data.status} />}</>} crumbs={[{ label: "Runs", to: paths.runs() }]}
      actions={data !== undefined && <RunActions run={data} />}
      meta={data !== undefined && <>
        <span>in <Link className="link" to={`${paths.runs()}?experiment=${encodeURIComponent(data.experiment)}`}>{data.experiment}</Link></span>
        {data.pipeline_run !== null && <span>{stepOf(data) === null ? "part" : `step ${stepOf(data)?.step}`} of a <RefLink kind="pipeline_run" id={data.pipeline_run.id}>pipeline run</RefLink></span>}
        {data.parent_run_id !== null && <Parent id={data.parent_run_id} />}
        <span>started <Ago at={data.started_at} />, {data.ended_at === null ? "running for" : "took"} <Elapsed from={data.started_at} to={data.ended_at} /></span>
        <Id value={data.run_id} />
      </>}>
      <Loaded query={query} skeleton={<div className="cols-2"><Skeleton height={250} /><Skeleton height={250} /></div>}>{(each) => <Body run={each} />}</Loaded>
    </Page>
  );
}

function Body({ run: each }: { run: Run }): ReactNode {
  // The note is a tag too, and stands above as what it is.
  const said = Object.fromEntries(Object.entries(each.tags).filter(([key]) => key !== NOTE_TAG));
  const from = stepOf(each);
  return (
    <>
      <DeletedMark run={each} />
      <Fired runId={each.run_id} />
      <Notes key={each.run_id} run={each} />
      <RunMetrics run={each} />
      {from !== null && <StepConsole runId={from.id} step={from.step} />}
      <Machine run={each} />
      <Children run={each} />
      <TracesOf runId={each.run_id} />
      <div className="cols-2">
        <Panel title="Parameters" flush><Pairs items={each.params} none="No parameter was logged" /></Panel>
        <Panel title="Tags" flush><Pairs items={said} none="No tag was set" /></Panel>
      </div>
      <Artifacts runId={each.run_id} />
    </>
  );
}

function Pairs({ items, none }: { items: Record<string, string>; none: string }): ReactNode {
  const list = Object.entries(items).toSorted(([a], [b]) => a.localeCompare(b));
  if (list.length === 0) return <Empty title={none} />;
  return <dl className="pairs">{list.map(([key, value]) => <div key={key}><dt className="truncate" title={key}>{key}</dt><dd><code>{value}</code></dd></div>)}</dl>;
}
