import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router-dom";
import type { Run } from "../../../api/tracking";
import { Segments } from "../../../kit/Button";
import { Empty, Loaded, Skeleton } from "../../../kit/Feedback";
import { count } from "../../../kit/format";
import { paths } from "../../../kit/links";
import { byWorth, ofMachine } from "../../../kit/metricOrder";
import { Page } from "../../../kit/Page";
import { runsByIds } from "../queries";
import { Curves } from "./Curves";
import { curveKeys } from "./curves";
import { Differences } from "./Differences";
import { Legend } from "./Legend";
import { Parameters } from "./Parameters";
import { type CompareState, type Show, readCompare, writeCompare } from "./state";
import "../tracking.css";
import "./compare.css";

const SHOWS: { value: Show; label: string }[] = [{ value: "curves", label: "Curves" }, { value: "parameters", label: "Parameters" }, { value: "differences", label: "Differences" }];

/** Runs side by side: their curves, what their parameters have to do with their metrics, and in what they differ. */
export default function ComparePage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const state = useMemo(() => readCompare(search), [search]);
  const change = useCallback((part: Partial<CompareState>) => setSearch((old) => writeCompare({ ...readCompare(old), ...part }), { replace: part.show === undefined && part.ids === undefined, preventScrollReset: true }), [setSearch]);
  const query = useQuery({ ...runsByIds(state.ids), placeholderData: keepPreviousData });
  const gone = state.ids.length - (query.data?.length ?? state.ids.length);
  return (
    <Page title="Compare runs" heading={state.ids.length === 0 ? "Compare runs" : `${count(query.data?.length ?? state.ids.length)} runs`} crumbs={[{ label: "Runs", to: paths.runs() }]} wide
      meta={gone > 0 && !query.isPlaceholderData ? <span className="inline-error no">{gone === 1 ? "One of the runs is" : `${gone} of the runs are`} not here any more.</span> : undefined}
      actions={<Segments label="What to compare" value={state.show} options={SHOWS} onChange={(show) => change({ show })} />}>
      {state.ids.length === 0
        ? <section className="panel"><Empty title="No runs to compare">Select some in the <Link className="link" to={paths.runs()}>table of runs</Link> (the key <kbd>x</kbd> selects the row one stands on) and press Compare.</Empty></section>
        : <Loaded query={query} skeleton={<div className="cols-2"><Skeleton height={250} /><Skeleton height={250} /></div>}>{(runs) => <Body runs={runs} state={state} onChange={change} />}</Loaded>}
    </Page>
  );
}

function Body({ runs, state, onChange }: { runs: Run[]; state: CompareState; onChange: (part: Partial<CompareState>) => void }): ReactNode {
  const [lit, setLit] = useState<string | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => runs.filter((run) => !hidden.has(run.run_id)), [runs, hidden]);
  const keys = useMemo(() => {
    const { curves, single } = curveKeys(runs);
    return { curves: byWorth(curves.toSorted()), all: byWorth([...curves, ...single].toSorted()) };
  }, [runs]);
  const target = keys.all.includes(state.target) ? state.target : keys.all.find((key) => !ofMachine(key)) ?? "";
  if (runs.length === 0) return <section className="panel"><Empty title="None of these runs is here any more">They may have been removed for good since the link was made.</Empty></section>;
  return (
    <>
      <Legend runs={runs} group={state.show === "curves" ? state.group : ""} hidden={hidden} onLit={setLit}
        onToggle={(id) => setHidden((old) => (old.has(id) ? new Set([...old].filter((each) => each !== id)) : new Set([...old, id])))}
        onRemove={(id) => onChange({ ids: state.ids.filter((each) => each !== id) })} />
      {state.show === "curves" && <Curves runs={runs} shown={shown} keys={keys.curves} state={state} lit={lit} onChange={onChange} />}
      {state.show === "parameters" && <Parameters runs={shown} all={runs} metrics={keys.all} target={target} lit={lit} onLit={setLit} onTarget={(metric) => onChange({ target: metric })} onKeep={(ids) => onChange({ ids })} />}
      {state.show === "differences" && <Differences runs={runs} />}
    </>
  );
}
