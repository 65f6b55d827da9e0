import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router-dom";
import type { WholeTrace } from "../../api/traces";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { count, duration } from "../../kit/format";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { Ago } from "../../kit/Time";
import { experiments } from "../tracking/queries";
import { Assessments } from "./Assessments";
import { costOfTrace, dollars, tokensOfTrace, totalOf } from "./facts";
import { trace } from "./queries";
import { SpanPanel } from "./SpanPanel";
import { TraceStateMark } from "./TraceStateMark";
import { ancestorsOf, treeOf } from "./tree";
import { Waterfall } from "./Waterfall";
import "./traces.css";

export default function TracePage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(trace(id));
  const list = useQuery(experiments());
  const data = query.data;
  const title = data?.name ?? "Trace";
  const tokens = data === undefined ? null : totalOf(tokensOfTrace(data));
  const cost = data === undefined ? null : totalOf(costOfTrace(data));
  const experiment = list.data?.find((each) => each.experiment_id === data?.experiment_id);
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <TraceStateMark state={data.state} />}</>} crumbs={[{ label: "Traces", to: paths.traces() }]}
      meta={data !== undefined && <>
        <span>in <Link className="link" to={`${paths.traces()}?experiment=${encodeURIComponent(data.experiment_id)}`}>{experiment?.name ?? `experiment ${data.experiment_id}`}</Link></span>
        <span>started <Ago at={data.started_at} />{data.duration_ms === null ? ", still going on" : `, took ${data.duration_ms === 0 ? "less than 1 ms" : duration(data.duration_ms)}`}</span>
        <span>{count(data.spans.length)} {data.spans.length === 1 ? "span" : "spans"}</span>
        {tokens !== null && <span>{count(tokens)} tokens</span>}
        {cost !== null && <span>{dollars(cost)}</span>}
        {data.metadata["mlflow.sourceRun"] && <Link className="link" to={paths.run(data.metadata["mlflow.sourceRun"])}>tracked run</Link>}
        <Id value={data.trace_id} length={14} />
      </>}>
      <Loaded query={query} skeleton={<div className="trace-view"><Skeleton height={420} /><Skeleton height={420} /></div>}>{(each) => <Body trace={each} />}</Loaded>
    </Page>
  );
}

function Body({ trace: each }: { trace: WholeTrace }): ReactNode {
  const tree = useMemo(() => treeOf(each.spans), [each.spans]);
  const [asked, chosen, choose] = useSpanInAddress();
  const picked = chosen !== null && tree.nodes.has(chosen) ? chosen : tree.order[0];
  // A span that an address names must not be hidden at first; nothing is closed at first.
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const pick = (id: string) => {
    if (ancestorsOf(tree, id).some((above) => closed.has(above))) setClosed(new Set([...closed].filter((one) => !ancestorsOf(tree, id).includes(one))));
    choose(id);
  };
  const node = picked === undefined ? undefined : tree.nodes.get(picked);
  const facts = [...Object.entries(each.tags), ...Object.entries(each.metadata)].filter(([key, value]) => value !== "" && !key.startsWith("mlflow.trace") && !HIDDEN.has(key));
  return (
    <>
      {asked !== null && !tree.nodes.has(asked) && tree.order.length > 0 && <p className="verdict">This trace has no span <code>{asked}</code>; it is shown from its beginning.</p>}
      {picked === undefined || node === undefined
        ? <Panel><Empty title="No span is here">{each.spans_here ? "The trace was started, and none of its spans has come yet." : <>Its client keeps the spans as a file among the artifacts of the trace: <code>{each.tags["mlflow.artifactLocation"] ?? ""}</code>.</>}</Empty></Panel>
        : null}
      <div className="trace-view">
        {picked !== undefined && node !== undefined && <>
          <Waterfall tree={tree} closed={closed} setClosed={setClosed} picked={picked} onPick={pick} />
          <SpanPanel key={picked} trace={each.trace_id} node={node} total_ns={tree.total_ns} />
        </>}
        <div className="stack">
          <Assessments trace={each.trace_id} list={each.assessments} tree={tree} onPick={pick} />
          <Panel title="Known of it">
            <Facts items={[...(each.client_request_id === null ? [] : [["request", each.client_request_id] as [string, ReactNode]]), ...facts.map(([key, value]): [string, ReactNode] => [key.replace(/^mlflow\./, ""), value])]} />
          </Panel>
        </div>
      </div>
    </>
  );
}

/** Browsers refuse addresses that change with every repeat of a key, so the address follows when the reader pauses. */
const PAUSE_MS = 250;

/** The span that the address names, the one that is chosen, and how another is chosen. */
function useSpanInAddress(): [string | null, string | null, (id: string) => void] {
  const [search, setSearch] = useSearchParams();
  const asked = search.get("span");
  const [seen, setSeen] = useState(asked);
  const [chosen, choose] = useState(asked);
  // Our own change of the address arrives late, when the reader may have gone on.
  const [written, setWritten] = useState<string | null>(null);
  if (asked !== seen) {
    setSeen(asked);
    if (asked !== written) choose(asked);
  }
  useEffect(() => {
    if (chosen === null || chosen === asked) return undefined;
    // Going through the spans is no journey through pages: back leads to where one came from.
    const timer = setTimeout(() => {
      setWritten(chosen);
      setSearch((old) => {
        const next = new URLSearchParams(old);
        next.set("span", chosen);
        return next;
      }, { replace: true, preventScrollReset: true });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [chosen, asked, setSearch]);
  return [asked, chosen, choose];
}

/** Known of every trace, and shown elsewhere or of no use to a reader. */
const HIDDEN = new Set(["mlflow.artifactLocation", "mlflow.sourceRun"]);
