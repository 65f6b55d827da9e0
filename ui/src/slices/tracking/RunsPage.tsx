import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo } from "react";
import { useSearchParams } from "react-router-dom";
import { Segments } from "../../kit/Button";
import { Empty } from "../../kit/Feedback";
import { byWorth } from "../../kit/metricOrder";
import { Page } from "../../kit/Page";
import { defaultColumns, keysOf } from "./columns";
import { experiments, runColumns, runSample } from "./queries";
import { RetentionButton } from "./retention/RetentionButton";
import { ColumnPicker } from "./table/ColumnPicker";
import { GroupPicker } from "./table/GroupPicker";
import { RunTable } from "./table/RunTable";
import { SavedViews } from "./table/SavedViews";
import { EMPTY_VIEW, type KeyGroup, type Lifecycle, type RunsView, folded, orderBy, readView, spread, writeView } from "./table/view";
import "./tracking.css";
import "./table/table.css";

const LIFECYCLES: { value: Lifecycle; label: string }[] = [{ value: "active", label: "Active" }, { value: "deleted", label: "Deleted" }];

/** Every run, as far as one wants to scroll. The address holds what is shown. */
export default function RunsPage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const view = useMemo(() => readView(search), [search]);
  const change = useCallback((part: Partial<RunsView>, replace = false) =>
    setSearch((old) => writeView({ ...readView(old), ...part }), { replace, preventScrollReset: true }), [setSearch]);
  const list = useQuery(experiments());
  const experimentId = list.data?.find((each) => each.name === view.experiment)?.experiment_id;
  const keys = useKeys(view, experimentId);
  const scope = useMemo(() => ({
    ...(view.experiment === "" ? {} : { experiment: view.experiment }),
    filter: view.filter || undefined,
    order_by: orderBy(view.order),
    ...(view.lifecycle === "active" ? {} : { view: view.lifecycle }),
  }), [view]);
  const columns = useMemo(() => spread(view.columns ?? keys.defaults ?? [], keys.known), [view.columns, keys]);
  const address = writeView(view).toString();
  return (
    <Page title="Runs" wide actions={
      <>
        <Segments label="Which runs" value={view.lifecycle} options={LIFECYCLES} onChange={(lifecycle) => change({ lifecycle })} />
        <GroupPicker group={view.group} keys={keys.known} onGroup={(group) => change({ group })} />
        <ColumnPicker columns={columns} keys={keys.known} truncated={keys.truncated} onColumns={(next) => change({ columns: next === null ? null : folded(next, keys.known) }, true)} />
        {experimentId !== undefined && <RetentionButton experimentId={experimentId} experiment={view.experiment} />}
        <SavedViews experimentId={experimentId} search={address} onOpen={(saved) => setSearch(writeView(readView(new URLSearchParams(saved))), { preventScrollReset: true })} />
      </>
    }>
      <RunTable key={`${view.experiment} ${view.lifecycle}`} view={view} scope={scope} ready={view.columns !== null || keys.defaults !== null} columns={columns} known={keys.known} onView={change} nothing={<Nothing view={view} />}
        experiments={
          <select aria-label="Experiment" value={view.experiment} onChange={(event) => change({ ...EMPTY_VIEW, experiment: event.target.value, lifecycle: view.lifecycle })}>
            <option value="">All experiments</option>
            {(list.data ?? []).map((each) => <option key={each.experiment_id} value={each.name}>{each.name}</option>)}
          </select>
        } />
    </Page>
  );
}

interface Keys {
  known: Record<KeyGroup, string[]>;
  /** `null` until they can be told. */
  defaults: string[] | null;
  truncated: boolean;
}

/** The keys there are: those the server lists, and those of some runs at hand, which also say which columns to begin with. */
function useKeys(view: RunsView, experimentId: string | undefined): Keys {
  const scope = { ...(view.experiment === "" ? {} : { experiment: view.experiment }), ...(view.lifecycle === "active" ? {} : { view: view.lifecycle }) };
  const sample = useQuery(runSample(scope));
  const listed = useQuery(runColumns(experimentId));
  const everywhere = view.experiment === "";
  return useMemo(() => {
    const found = keysOf(sample.data ?? []);
    const all = (group: KeyGroup) => [...new Set([...found[group], ...(listed.data?.[group] ?? [])])];
    return {
      known: { metrics: byWorth(all("metrics")), params: all("params"), tags: all("tags") },
      defaults: sample.data === undefined ? (sample.isError ? [] : null) : defaultColumns(sample.data, everywhere),
      truncated: Object.values(listed.data?.truncated ?? {}).some(Boolean),
    };
  }, [sample.data, sample.isError, listed.data, everywhere]);
}

/** The three lines that make a first row. */
const firstRun = (experiment: string): string => `import mlflow
mlflow.set_tracking_uri("${window.location.origin}")${experiment === "" ? "" : `
mlflow.set_experiment(${JSON.stringify(experiment)})`}
mlflow.log_metric("loss", 0.25)`;

function Nothing({ view }: { view: RunsView }): ReactNode {
  if (view.filter !== "") return <Empty title="No run answers this filter">A filter compares metrics, parameters, tags and attributes: <code>metrics.mae &lt; 30 AND params.seed = '7'</code>.</Empty>;
  if (view.lifecycle === "deleted") return <Empty title="No run was deleted">What is deleted waits here and can be restored, until somebody deletes it for good or a rule of the experiment does.</Empty>;
  const title = view.experiment === "" ? "No run was tracked yet" : "No run in this experiment yet";
  return <Empty title={title} example={firstRun(view.experiment)} command={`export MLFLOW_TRACKING_URI=${window.location.origin}`}>These lines make the first row. Programs that log already need only the address; pipelines have it.</Empty>;
}
