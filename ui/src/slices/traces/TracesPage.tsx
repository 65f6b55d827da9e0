import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { useSearchParams } from "react-router-dom";
import { ApiError } from "../../api/problem";
import type { Trace } from "../../api/traces";
import { Button } from "../../kit/Button";
import { Empty, Failure, Skeleton } from "../../kit/Feedback";
import { count, duration } from "../../kit/format";
import { Inline } from "../../kit/Inline";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { experiments } from "../tracking/queries";
import { previewWords, tokensOfTrace, totalOf } from "./facts";
import { type TraceFilter, traces } from "./queries";
import { Teach } from "./Teach";
import { TraceStateMark } from "./TraceStateMark";
import "./traces.css";

const ORDERS: [string, string][] = [["", "Newest first"], ["timestamp_ms ASC", "Oldest first"], ["execution_time_ms DESC", "Slowest first"], ["execution_time_ms ASC", "Fastest first"]];

const COLUMNS: ColumnDef<Trace>[] = [
  { key: "name", head: "Trace", cell: (row) => <span className="trace-name truncate">{row.name ?? row.trace_id.slice(0, 11)}<span className="trace-said small muted truncate">{previewWords(row.request_preview)}</span></span> },
  { key: "state", head: "Status", cell: (row) => <TraceStateMark state={row.state} /> },
  { key: "at", head: "Started", cell: (row) => <Ago at={row.started_at} /> },
  { key: "took", head: "Took", cell: (row) => (row.duration_ms === 0 ? "< 1 ms" : duration(row.duration_ms)), align: "end" },
  { key: "tokens", head: "Tokens", cell: (row) => { const total = totalOf(tokensOfTrace(row)); return total === null ? <span className="faint">–</span> : count(total); }, align: "end", wideOnly: true },
  { key: "request", head: "Request", cell: (row) => <span className="muted">{previewWords(row.request_preview)}</span>, fill: true, wideOnly: true },
];

export default function TracesPage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const experiment = search.get("experiment") ?? "";
  const filter = search.get("filter") ?? "";
  const order = search.get("order") ?? "";
  const asked: TraceFilter = { ...(experiment === "" ? {} : { experiment_id: experiment }), ...(filter === "" ? {} : { filter }), ...(order === "" ? {} : { order_by: order }) };
  const query = useInfiniteQuery(traces(asked));
  const rows = query.data?.pages.flatMap((page) => page.items);
  const refused = query.error instanceof ApiError && query.error.status === 400 ? query.error : null;
  const set = (key: string, value: string) => setSearch((old) => {
    const next = new URLSearchParams(old);
    if (value === "") next.delete(key);
    else next.set(key, value);
    return next;
  });
  return (
    <Page title="Traces" meta={<span>What an application did for each request, step by step: calls of models, searches, tools.</span>}>
      <Filters key={filter} experiment={experiment} filter={filter} order={order} refused={refused} set={set} />
      {refused === null && (
        <Panel flush>
          {query.isPending && <div className="panel-body"><Skeleton lines={8} /></div>}
          {query.isError && rows === undefined && <Failure error={query.error} retry={() => void query.refetch()} />}
          {rows !== undefined && rows.length === 0 && (filter === "" && experiment === "" ? <Teach />
            : <Empty title={filter === "" ? "This experiment has no trace yet" : "No trace answers this filter"}>Comparisons joined by <code>AND</code>: <code>status = 'ERROR' AND execution_time_ms &gt; 500</code>.</Empty>)}
          {rows !== undefined && rows.length > 0 && <Table label="Traces" columns={COLUMNS} rows={rows} rowKey={(row) => row.trace_id} rowTo={(row) => paths.trace(row.trace_id)} />}
          {query.hasNextPage && <div className="table-foot"><Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{query.isFetchingNextPage ? "Looking…" : "Show more"}</Button></div>}
        </Panel>
      )}
    </Page>
  );
}

interface FiltersProps {
  experiment: string;
  filter: string;
  order: string;
  refused: ApiError | null;
  set: (key: string, value: string) => void;
}

/** What the server says of a filter stands at the filter, where it can be mended. */
function Filters({ experiment, filter, order, refused, set }: FiltersProps): ReactNode {
  const [text, setText] = useState(filter);
  const list = useQuery(experiments());
  const said = useId();
  return (
    <form className="filters" onSubmit={(event) => { event.preventDefault(); set("filter", text.trim()); }}>
      <select aria-label="Experiment" value={experiment} onChange={(event) => set("experiment", event.target.value)}>
        <option value="">All experiments</option>
        {(list.data ?? []).map((each) => <option key={each.experiment_id} value={each.experiment_id}>{each.name}</option>)}
      </select>
      <input aria-label="Filter" value={text} onChange={(event) => setText(event.target.value)} placeholder="status = 'ERROR' AND span.type = 'TOOL'" spellCheck={false} className="mono"
        aria-invalid={refused !== null} aria-describedby={refused === null ? undefined : said} />
      <Button type="submit">Filter</Button>
      {filter !== "" && <Button kind="ghost" onClick={() => { setText(""); set("filter", ""); }}>Clear</Button>}
      <select aria-label="Order" className="filter-order" value={order} onChange={(event) => set("order", event.target.value)}>
        {ORDERS.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
      </select>
      {refused !== null && (
        <div className="filter-said" id={said} role="alert">
          <p className="inline-error"><Inline text={refused.problem.detail} /></p>
          <p className="small muted">For instance <code>status = 'ERROR'</code>, <code>name LIKE 'answer%'</code>, <code>execution_time_ms &gt; 500</code>, <code>tags.customer = 'acme'</code>, <code>span.type = 'TOOL'</code>, <code>trace.text ILIKE '%pit lane%'</code>.</p>
        </div>
      )}
    </form>
  );
}
