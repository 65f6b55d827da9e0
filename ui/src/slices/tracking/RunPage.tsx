import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { Run } from "../../api/tracking";
import { RefLink } from "../../kit/Cause";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { metric } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago, Elapsed } from "../../kit/Time";
import { Artifacts } from "./Artifacts";
import { MetricChart } from "./MetricChart";
import { run } from "./queries";
import "./tracking.css";

export default function RunPage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(run(id));
  const data = query.data;
  const title = data?.name ?? "Run";
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <State of={data.status} />}</>} crumbs={[{ label: "Runs", to: paths.runs() }]}
      meta={data !== undefined && <>
        <span>in <Link className="link" to={`${paths.runs()}?experiment=${encodeURIComponent(data.experiment)}`}>{data.experiment}</Link></span>
        {data.pipeline_run !== null && <span>{data.pipeline_run.step === null ? "part" : `step ${data.pipeline_run.step}`} of a <RefLink kind="pipeline_run" id={data.pipeline_run.id}>pipeline run</RefLink></span>}
        {data.parent_run_id !== null && <span>child of <Link className="link" to={paths.run(data.parent_run_id)}>{data.parent_run_id.slice(0, 8)}</Link></span>}
        <span>started <Ago at={data.started_at} />, {data.ended_at === null ? "running for" : "took"} <Elapsed from={data.started_at} to={data.ended_at} /></span>
        <Id value={data.run_id} />
      </>}>
      <Loaded query={query} skeleton={<div className="cols-2"><Skeleton height={250} /><Skeleton height={250} /></div>}>{(each) => <Body run={each} />}</Loaded>
    </Page>
  );
}

function Body({ run: each }: { run: Run }): ReactNode {
  const keys = byWorth(Object.keys(each.metrics).toSorted());
  // A metric that was logged once is a number, not a line.
  const curves = keys.filter((key) => (each.metrics[key]?.step ?? 0) > 0 || each.status === "RUNNING");
  const live = each.status === "RUNNING";
  return (
    <>
      {keys.length === 0 && <Panel title="Metrics"><Empty title="No metric was logged yet" command={'mlflow.log_metric("mae", 21.5)'} /></Panel>}
      {keys.length > 0 && <Panel title="Metrics"><dl className="figures">{keys.map((key) => <div key={key}><dt>{key}</dt><dd>{metric(each.metrics[key]?.value)}</dd></div>)}</dl></Panel>}
      {curves.length > 0 && <div className="metric-grid">{curves.map((key) => <Panel key={key}><MetricChart runId={each.run_id} metricKey={key} live={live} /></Panel>)}</div>}
      <div className="cols-2">
        <Panel title="Parameters" flush><Pairs items={each.params} none="No parameter was logged" /></Panel>
        <Panel title="Tags" flush><Pairs items={each.tags} none="No tag was set" /></Panel>
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
