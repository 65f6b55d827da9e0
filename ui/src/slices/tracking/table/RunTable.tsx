import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { ApiError } from "../../../api/problem";
import type { Run } from "../../../api/tracking";
import { Button } from "../../../kit/Button";
import { Empty, Failure, Skeleton } from "../../../kit/Feedback";
import { count } from "../../../kit/format";
import { Panel } from "../../../kit/Page";
import type { RunScope } from "../queries";
import { marksOf, runAlerts } from "../runAlerts";
import { FilterBox } from "./FilterBox";
import { Grid } from "./Grid";
import { grouped, valueOf } from "./group";
import { type Item, type Rows, groupRows } from "./items";
import type { PagesNow } from "./pages";
import { SelectionBar } from "./SelectionBar";
import { useRunPages } from "./useRunPages";
import { useSelection } from "./useSelection";
import { type KeyGroup, type RunsView, fieldsFor, keyOf, turned } from "./view";

/** Runs that are read for groups: their sums are over these. */
const GROUPED_ROWS = 2000;
/** More columns than these are asked for only as they come into sight. */
const WHOLE_COLUMNS = 48;
const COLUMN_CHUNK = 32;
/** Metrics are no events, so rows of runs in work are read again this often. */
const WORKING_MS = 4000;
const VALUES = 40;

interface RunTableProps {
  view: RunsView;
  scope: RunScope;
  /** Whether it is known what to ask for. */
  ready: boolean;
  columns: string[];
  known: Record<KeyGroup, string[]>;
  onView: (part: Partial<RunsView>, replace?: boolean) => void;
  /** What stands here when there is no run. */
  nothing: ReactNode;
  experiments: ReactNode;
}

export function RunTable(props: RunTableProps): ReactNode {
  const { view, known, onView, experiments, ready } = props;
  const [refusal, setRefusal] = useState<unknown>(null);
  const [values, setValues] = useState<(column: string) => string[]>(() => () => []);
  return (
    <>
      <div className="run-tools">
        {experiments}
        <FilterBox filter={view.filter} known={{ keys: known, values }} refusal={refusal} onFilter={(filter) => onView({ filter })} />
      </div>
      {ready ? <Body {...props} onRefusal={setRefusal} onValues={setValues} /> : <Panel flush><div className="panel-body"><Skeleton lines={8} /></div></Panel>}
    </>
  );
}

interface BodyProps extends RunTableProps {
  onRefusal: (error: unknown) => void;
  onValues: (values: () => (column: string) => string[]) => void;
}

function Body({ view, scope, columns, onView, nothing, onRefusal, onValues }: BodyProps): ReactNode {
  const [sight, setSight] = useState<{ rows: [number, number]; columns: [number, number] }>({ rows: [0, 40], columns: [0, 20] });
  const fields = fieldsFor(columns.length > WHOLE_COLUMNS ? chunk(columns, sight.columns) : columns, view.group);
  const { pages, now, busy } = useRunPages(scope, fields);
  const fired = useQuery(runAlerts());
  const marks = useMemo(() => marksOf(fired.data ?? []), [fired.data]);
  const groups = view.group !== "";
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useRows(now, view.group, columns, open);
  const selection = useSelection(rows);
  useEffect(() => {
    if (groups) pages.show(0, GROUPED_ROWS - 1);
    else pages.show(sight.rows[0], sight.rows[1]);
  }, [pages, groups, sight.rows]);
  const working = !groups && isWorking(now, sight.rows);
  useEffect(() => {
    if (!working) return undefined;
    const timer = setInterval(() => pages.refresh(), WORKING_MS);
    return () => clearInterval(timer);
  }, [pages, working]);
  const { error, loaded } = now;
  useEffect(() => {
    onRefusal(isRefusal(error) && view.filter !== "" ? error : null);
  }, [onRefusal, error, view.filter]);
  useEffect(() => {
    onValues(() => (column) => [...new Set(pages.loaded().map((run) => valueOf(run, column)).filter((value) => value !== undefined))].slice(0, VALUES));
  }, [onValues, pages]);
  const onSight = useCallback((row: [number, number], column: [number, number]) => setSight((old) => ({ rows: same(old.rows, row), columns: same(old.columns, column) })), []);
  const onOpenGroup = useCallback((key: string) => setOpen((old) => (old.has(key) ? new Set([...old].filter((each) => each !== key)) : new Set([...old, key]))), []);
  const client = useQueryClient();
  // Columns and experiments may have failed with the rows.
  const retry = () => {
    pages.refresh();
    void client.invalidateQueries({ queryKey: ["experiments"] });
  };
  const picked = loaded.filter((run) => selection.ids.has(run.run_id)).length;

  // A filter that was refused is explained at its box; the rows of the one before would be those of another question.
  if (isRefusal(error) && view.filter !== "") return <Panel flush><Empty title="The server did not take this filter">What is wrong with it stands under the filter.</Empty></Panel>;
  if (!now.ready) return <Panel flush>{error === null ? <div className="panel-body"><Skeleton lines={8} /></div> : <Failure error={error} retry={retry} />}</Panel>;
  if (rows.count === 0 && now.total === 0) return <Panel flush>{nothing}</Panel>;
  return (
    <section className="panel run-panel" aria-label="Runs" aria-busy={busy}>
      <div className="run-bar">
        {selection.runs.length > 0 ? <SelectionBar runs={selection.runs} total={now.exact ? now.total : null} lifecycle={view.lifecycle} onClear={selection.clear} /> : <Says now={now} groups={groups} loaded={loaded.length} />}
        {now.newer > 0 && !groups && <Button className="newer" icon="up" onClick={toTop}>{count(now.newer)} new</Button>}
      </div>
      {error !== null && <div className="run-failed" role="alert"><span>{error instanceof Error ? error.message : "The runs could not be read."}</span><Button onClick={retry}>Try again</Button></div>}
      <Grid rows={rows} columns={columns} widths={view.widths} order={view.order} selected={selection.ids} marks={marks} allPicked={picked > 0 && picked === loaded.length}
        onTurn={(column) => { toTop(); onView({ order: turned(view.order, column) }); }} onWidth={(column, width) => onView({ widths: { ...view.widths, [column]: width } }, true)}
        onPick={selection.pick} onPickAll={() => selection.pickAll(loaded)} onOpenGroup={onOpenGroup} onSight={onSight} />
    </section>
  );
}

const isRefusal = (error: unknown): boolean => error instanceof ApiError && error.status === 400;
const toTop = () => document.querySelector(".run-grid")?.scrollTo({ top: 0 });

/** How many there are, or over how many the groups are. */
function Says({ now, groups, loaded }: { now: PagesNow; groups: boolean; loaded: number }): ReactNode {
  if (!groups) return <p className="faint small">{now.exact ? `${count(now.total)} ${now.total === 1 ? "run" : "runs"}` : `${count(loaded)} runs at hand, more below`}<span className="hide-phone"> · <kbd>j</kbd> <kbd>k</kbd> walk, <kbd>x</kbd> selects</span></p>;
  const all = now.exact && loaded >= now.total;
  return <p className="faint small">Mean, and lowest to highest, over {all ? `all ${count(loaded)} runs` : `the first ${count(loaded)}${now.exact ? ` of ${count(now.total)}` : ""} runs; filter to see others`}</p>;
}

function useRows(now: PagesNow, group: string, columns: string[], open: ReadonlySet<string>): Rows {
  return useMemo((): Rows => {
    if (group !== "") {
      const metrics = columns.map(keyOf).filter((key) => key?.group === "metrics").map((key) => key?.key ?? "");
      return groupRows(grouped(now.loaded, group, metrics), open, () => now.fieldsAt(0));
    }
    return {
      count: now.total,
      at: (index) => {
        const run = now.row(index);
        return run === undefined ? undefined : itemOf(run, now.fieldsAt(index));
      },
      find: (key) => now.find(key),
    };
  }, [now, group, columns, open]);
}

const items = new WeakMap<Run, Extract<Item, { kind: "run" }>>();

/** The row of a run. The same one each time, so that a row that did not change is not drawn again. */
function itemOf(run: Run, fields: ReadonlySet<string> | null): Item {
  const held = items.get(run);
  if (held?.fields === fields) return held;
  const item = { kind: "run" as const, key: run.run_id, run, fields, inside: false };
  items.set(run, item);
  return item;
}

/** The columns in sight, in whole chunks, so that a little scrolling asks for nothing. */
function chunk(columns: string[], [first, last]: [number, number]): string[] {
  return columns.slice(Math.floor(first / COLUMN_CHUNK) * COLUMN_CHUNK, (Math.floor(last / COLUMN_CHUNK) + 1) * COLUMN_CHUNK);
}

function isWorking(now: PagesNow, [first, last]: [number, number]): boolean {
  for (let index = first; index <= last; index += 1) if (now.row(index)?.status === "RUNNING") return true;
  return false;
}

const same = (old: [number, number], now: [number, number]): [number, number] => (old[0] === now[0] && old[1] === now[1] ? old : now);
