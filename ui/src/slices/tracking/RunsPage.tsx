import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { useSearchParams } from "react-router-dom";
import type { Run } from "../../api/tracking";
import { Button } from "../../kit/Button";
import { Empty, Failure, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { Table } from "../../kit/Table";
import { type Chosen, columnsFor, defaultKeys, keysOf } from "./columns";
import { experiments, runs } from "./queries";
import "./tracking.css";

export default function RunsPage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const experiment = search.get("experiment") ?? undefined;
  const filter = search.get("filter") ?? undefined;
  const query = useInfiniteQuery(runs({ ...(experiment === undefined ? {} : { experiment }), ...(filter === undefined ? {} : { filter }) }));
  const rows = query.data?.pages.flatMap((page) => page.items);
  const set = (key: string, value: string) => setSearch((old) => {
    const next = new URLSearchParams(old);
    if (value === "") next.delete(key);
    else next.set(key, value);
    return next;
  });
  return (
    <Page title="Runs" meta={<span>Every training that was tracked, from pipelines and from notebooks with the MLflow client.</span>}>
      <Filters experiment={experiment ?? ""} filter={filter ?? ""} set={set} />
      <Panel flush>
        {query.isPending && <div className="panel-body"><Skeleton lines={8} /></div>}
        {query.isError && rows === undefined && <Failure error={query.error} retry={() => void query.refetch()} />}
        {rows !== undefined && rows.length === 0 && (filter === undefined && experiment === undefined
          ? <Empty title="No run was tracked yet" command={`export MLFLOW_TRACKING_URI=${window.location.origin}`}>Point an unchanged MLflow client here, or start a pipeline; each training becomes a row.</Empty>
          : <Empty title="No run answers this filter">The grammar is MLflow's: <code>metrics.mae &lt; 30 and params.seed = '7'</code>.</Empty>)}
        {rows !== undefined && rows.length > 0 && <RunTable rows={rows} />}
        {query.hasNextPage && <div className="table-foot"><Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show more</Button></div>}
      </Panel>
    </Page>
  );
}

function Filters({ experiment, filter, set }: { experiment: string; filter: string; set: (key: string, value: string) => void }): ReactNode {
  const [text, setText] = useState(filter);
  const list = useQuery(experiments());
  return (
    <form className="filters" onSubmit={(event) => { event.preventDefault(); set("filter", text.trim()); }}>
      <select aria-label="Experiment" value={experiment} onChange={(event) => set("experiment", event.target.value)}>
        <option value="">All experiments</option>
        {(list.data ?? []).map((each) => <option key={each.experiment_id} value={each.name}>{each.name}</option>)}
      </select>
      <input aria-label="Filter" value={text} onChange={(event) => setText(event.target.value)} placeholder="metrics.mae < 30 and params.seed = '7'" spellCheck={false} className="mono" />
      <Button type="submit">Filter</Button>
      {filter !== "" && <Button kind="ghost" onClick={() => { setText(""); set("filter", ""); }}>Clear</Button>}
    </form>
  );
}

function RunTable({ rows }: { rows: Run[] }): ReactNode {
  const all = useMemo(() => keysOf(rows), [rows]);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const keys = chosen ?? defaultKeys(all);
  const columns = useMemo(() => columnsFor(keys), [keys]);
  return (
    <>
      <details className="columns">
        <summary>Columns</summary>
        <div>
          <Keys title="Metrics" all={all.metrics} on={keys.metrics} onChange={(metrics) => setChosen({ ...keys, metrics })} />
          <Keys title="Parameters" all={all.params} on={keys.params} onChange={(params) => setChosen({ ...keys, params })} />
        </div>
      </details>
      <Table label="Runs" columns={columns} rows={rows} rowKey={(row) => row.run_id} rowTo={(row) => paths.run(row.run_id)} />
    </>
  );
}

function Keys({ title, all, on, onChange }: { title: string; all: string[]; on: string[]; onChange: (on: string[]) => void }): ReactNode {
  return (
    <fieldset>
      <legend>{title}</legend>
      {all.map((key) => (
        <label key={key} className="row">
          <input type="checkbox" checked={on.includes(key)} onChange={(event) => onChange(event.target.checked ? [...on, key] : on.filter((each) => each !== key))} />
          {key}
        </label>
      ))}
    </fieldset>
  );
}
