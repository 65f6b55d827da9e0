import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link, useParams, useSearchParams } from "react-router-dom";
import type { Monitor, MonitorWindow } from "../../api/monitoring";
import { Button } from "../../kit/Button";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { cell, count, metric, moment, percent } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { EventTime } from "../../kit/Time";
import { DriftTable } from "./DriftTable";
import "./monitoring.css";
import { monitors, windows } from "./queries";
import { TimelinePanel } from "./timeline/TimelinePanel";
import { boundWords, driftedOf } from "./words";

const WINDOWS_SHOWN = 16;

export default function MonitorPage(): ReactNode {
  const { name = "" } = useParams();
  const list = useQuery(monitors());
  const query = useQuery(windows(name));
  const monitor = list.data?.find((each) => each.name === name);
  return (
    <Page title={name} crumbs={[{ label: "Monitors", to: paths.monitors() }]} heading={<>{name}{monitor?.latest && <State of={monitor.latest.state} />}</>}
      meta={monitor !== undefined && <>
        <span>watches <Link className="link" to={paths.deployment(monitor.deployment)}>{monitor.deployment}</Link></span>
        <span>{monitor.objectives.map(boundWords).join(", ")}</span><span>windows of {monitor.window}</span>
        {monitor.watermark !== null && <span>labels complete to <EventTime at={monitor.watermark} /></span>}
      </>}>
      <TimelinePanel monitor={name} />
      <Loaded query={query} skeleton={<Skeleton height={320} />}>{(all) => <Windows all={all} monitor={monitor} />}</Loaded>
    </Page>
  );
}

function Windows({ all, monitor }: { all: MonitorWindow[]; monitor: Monitor | undefined }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const wanted = search.get("window");
  const index = Math.max(0, wanted === null ? all.length - 1 : all.findIndex((each) => each.end === wanted));
  const window = all[index];
  const columns = useMemo(() => columnsFor(monitor, (end) => setSearch({ window: end }, { replace: true, preventScrollReset: true })), [monitor, setSearch]);
  if (window === undefined) return <Panel><Empty title="No window has closed yet" command="pitcrew demo bikes">A window closes when its event time is over and the label delay has passed.</Empty></Panel>;
  return (
    <>
      <Panel title={<>Window to {moment(window.end)}<State of={window.state} /></>} aside={<Walk all={all} index={index} onGo={(end) => setSearch({ window: end }, { replace: true, preventScrollReset: true })} />}>
        <div className="stack">
          <Figures window={window} />
          <Facts wide items={[
            ["Predictions", count(window.predictions)], ["Labels", `${count(window.labels)} (${percent(window.coverage)})`], ["Versions", Object.entries(window.versions).map(([version, n]) => `v${version}: ${count(n)}`).join(", ") || "none"],
            ["Quality", qualityWords(window)], ["Revision", window.revision > 1 ? `${window.revision}, late labels came in` : "1"],
          ]} />
        </div>
      </Panel>
      <Panel title="Drift against training" aside={<span>each feature has a threshold of its own, calibrated on reference windows</span>} flush>
        {window.drift.length === 0 ? <Empty title="No drift was computed for this window" /> : <DriftTable window={window} history={all.slice(0, index + 1)} />}
      </Panel>
      <Panel title="Windows" aside={<span>newest first</span>} flush>
        <Table label="Windows" columns={columns} rows={all.toReversed()} first={WINDOWS_SHOWN} rowKey={(row) => row.end} rowClass={(row) => (row.end === window.end ? "chosen" : "")} />
      </Panel>
    </>
  );
}

/** The metrics of a window, each with its interval beneath. */
function Figures({ window }: { window: MonitorWindow }): ReactNode {
  return (
    <dl className="figures">
      {byWorth(Object.keys(window.metrics)).map((key) => {
        const value = window.metrics[key];
        if (value === undefined) return null;
        return <div key={key}><dt>{key}</dt><dd>{metric(value.value)}</dd>{value.lower !== null && value.upper !== null && <dd className="interval">{metric(value.lower)} to {metric(value.upper)}</dd>}</div>;
      })}
    </dl>
  );
}

function qualityWords({ quality }: MonitorWindow): string {
  const parts = [[quality.missing, "missing"], [quality.out_of_range, "out of range"], [quality.failures, "failures"]].filter(([n]) => Number(n) > 0);
  return parts.length === 0 ? "no trouble" : parts.map(([n, what]) => `${n} ${what}`).join(", ");
}

function Walk({ all, index, onGo }: { all: MonitorWindow[]; index: number; onGo: (end: string) => void }): ReactNode {
  const go = (by: number) => {
    const next = all[index + by];
    if (next !== undefined) onGo(next.end);
  };
  return <><Button kind="ghost" aria-label="Earlier window" disabled={index === 0} onClick={() => go(-1)}>‹ Earlier</Button><Button kind="ghost" aria-label="Later window" disabled={index >= all.length - 1} onClick={() => go(1)}>Later ›</Button></>;
}

function columnsFor(monitor: Monitor | undefined, pick: (end: string) => void): ColumnDef<MonitorWindow>[] {
  const key = monitor?.objectives[0]?.metric;
  return [
    { key: "end", head: "To", cell: (row) => <button type="button" className="pick" data-row-link="" onClick={() => pick(row.end)}><EventTime at={row.end} /></button> },
    { key: "state", head: "State", cell: (row) => <State of={row.state} /> },
    ...(key === undefined ? [] : [{ key, head: key, cell: (row: MonitorWindow) => cell(row.metrics[key]?.value), align: "end" as const, sort: (row: MonitorWindow) => row.metrics[key]?.value ?? Number.NaN }]),
    { key: "labels", head: "Labels", cell: (row) => `${count(row.labels)} of ${count(row.predictions)}`, align: "end" },
    { key: "drift", head: "Drifted", cell: (row) => <span className="muted">{driftedOf(row).join(", ") || "–"}</span>, fill: true, wideOnly: true },
    { key: "versions", head: "Versions", cell: (row) => Object.keys(row.versions).map((version) => `v${version}`).join(", ") || "–", align: "end", wideOnly: true },
    { key: "revision", head: "Revision", cell: (row) => row.revision, align: "end", wideOnly: true },
  ];
}
