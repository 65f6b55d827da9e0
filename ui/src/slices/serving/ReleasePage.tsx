import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { Evidence, Release } from "../../api/serving";
import { CauseText } from "../../kit/Cause";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { cell, count, micros, percent, signed, words } from "../../kit/format";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, Elapsed, EventTime } from "../../kit/Time";
import { EvidenceChart } from "./EvidenceChart";
import { release } from "./queries";
import { ReleaseActions } from "./ReleaseActions";

export default function ReleasePage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(release(id));
  const data = query.data;
  const title = data === undefined ? "Release" : `Release of ${data.model}/${data.candidate}`;
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <State of={data.state} />}</>}
      crumbs={[{ label: "Deployments", to: paths.deployments() }, ...(data === undefined ? [] : [{ label: data.deployment, to: paths.deployment(data.deployment) }])]}
      meta={data !== undefined && <>
        <span>against {data.champion === null ? "no champion" : <Link className="link" to={paths.modelVersion(data.model, data.champion)}>{data.model}/{data.champion}</Link>}</span>
        <span>started <Ago at={data.started_at} /></span>
        <span>{data.ended_at === null ? "going for" : "took"} <Elapsed from={data.started_at} to={data.ended_at} /></span>
        {data.cause !== null && <CauseText cause={data.cause} />}
      </>}
      actions={data !== undefined && <ReleaseActions release={data} />}>
      <Loaded query={query} skeleton={<Skeleton height={360} />}>{(each) => <Body release={each} />}</Loaded>
    </Page>
  );
}

function Body({ release: each }: { release: Release }): ReactNode {
  return (
    <>
      {each.reason !== null && each.reason !== "" && <p className={`verdict ${each.state}`}>{each.reason}</p>}
      <Panel><Steps release={each} /></Panel>
      <div className="cols-main">
        <Panel title="Evidence">
          {each.evidence.length === 0
            ? <Empty title="No evidence yet">The judge looks when labels arrive for requests that both versions could answer.</Empty>
            : <EvidenceChart release={each} height={300} />}
        </Panel>
        <Panel title="Judge">
          <Facts items={[
            ["Metric", words(each.judge.metric)], ["Comparison", each.judge.paired ? "paired: both versions answer each request" : "unpaired"], ["Error rate", `at most ${percent(each.judge.alpha)} wrong decisions, however often it looks`],
            ["At least", `${count(each.judge.min_samples)} ${each.judge.paired ? "pairs" : "samples"}`], ["Candidate", <Link key="c" className="link" to={paths.modelVersion(each.model, each.candidate)}>{each.model}/{each.candidate}</Link>],
            ["Event time", each.event_time === null ? null : <EventTime key="e" at={each.event_time} />], ["Release", <Id key="i" value={each.id} length={18} />],
          ]} />
        </Panel>
      </div>
      <Panel title="Every look" aside={<span>newest first</span>} flush>
        {each.evidence.length > 0 && <Table label="Evidence" columns={LOOKS} rows={each.evidence.toReversed()} first={16} rowKey={(row) => `${row.step} ${row.pairs} ${row.at}`} />}
        {each.evidence.length === 0 && <Empty title="The judge has not looked yet" />}
      </Panel>
    </>
  );
}

const LOOKS: ColumnDef<Evidence>[] = [
  { key: "event", head: "Event time", cell: (row) => (row.event_time === null ? <Ago at={row.at} /> : <EventTime at={row.event_time} />) },
  { key: "step", head: "Step", cell: (row) => row.step + 1, align: "end", wideOnly: true },
  { key: "pairs", head: "Pairs", cell: (row) => count(row.pairs), align: "end" },
  { key: "difference", head: "Difference", cell: (row) => signed(row.mean_difference), align: "end" },
  { key: "interval", head: "Interval", cell: (row) => <span className="muted">{row.lower === null || row.upper === null ? "–" : `${signed(row.lower)} to ${signed(row.upper)}`}</span>, align: "end" },
  { key: "means", head: "Champion / candidate", cell: (row) => (row.champion_mean === null && row.candidate_mean === null ? "–" : `${cell(row.champion_mean)} / ${cell(row.candidate_mean)}`), align: "end", wideOnly: true },
  { key: "p99", head: "p99", cell: (row) => `${micros(row.champion_p99_us)} / ${micros(row.candidate_p99_us)}`, align: "end", wideOnly: true },
  { key: "failures", head: "Failures", cell: (row) => `${row.champion_failures} / ${row.candidate_failures}`, align: "end", wideOnly: true },
  { key: "verdict", head: "Verdict", cell: (row) => <State of={row.verdict} />, align: "end" },
];

function Steps({ release: each }: { release: Release }): ReactNode {
  return (
    <ol className="steps-line" aria-label="Steps of the release">
      {each.steps.map((step, index) => {
        const now = each.state === "running" && index === each.step;
        const stopped = each.state !== "running" && each.state !== "promoted" && index === each.step;
        const done = !now && !stopped && (step.ended_at !== null || (each.state === "promoted" && step.started_at !== null));
        return (
          <li key={step.share} className={now ? "now" : stopped ? "stopped" : done ? "done" : ""} aria-current={now ? "step" : undefined}>
            <b>{percent(step.share)}</b>
            <span className="small muted">{step.started_at === null ? "not reached" : step.event_time === null ? <Ago at={step.started_at} /> : <EventTime at={step.event_time} />}</span>
            <span className="small faint">{now ? "under way" : step.verdict === null ? "" : words(step.verdict)}{step.started_at !== null && <> · <Elapsed from={step.started_at} to={step.ended_at ?? each.ended_at} /></>}</span>
          </li>
        );
      })}
    </ol>
  );
}
