import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link, useSearchParams } from "react-router-dom";
import { projects, status } from "../../app/queries";
import { Segments } from "../../kit/Button";
import { Empty, Failure, Loaded, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { EventTime } from "../../kit/Time";
import { Feed } from "../activity/Feed";
import { latestEvents } from "../activity/queries";
import { datasets } from "../data/queries";
import { deployments, releases } from "../serving/queries";
import { gateDecisions } from "../registry/queries";
import { alerts, monitors } from "../monitoring/queries";
import { TimelinePanel } from "../monitoring/timeline/TimelinePanel";
import { pipelineRuns } from "../pipelines/queries";
import { AlertsCard, RunsCard, ServingCard } from "./Cards";
import { FirstLap } from "./FirstLap";
import { sectorsOf } from "./lap";
import { LapStrip } from "./LapStrip";
import "./overview.css";

const FEED = 8;

export default function OverviewPage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const monitorList = useQuery(monitors());
  const eventList = useQuery(latestEvents(FEED, false));
  const loop = useLoop(search.get("monitor"));
  if (monitorList.isError && eventList.isError) {
    return <Page title="Overview"><Panel><Failure error={monitorList.error} retry={() => { void monitorList.refetch(); void eventList.refetch(); }} /></Panel></Page>;
  }
  if (loop.fresh) return <Page title="Overview"><FirstLap /></Page>;
  const name = loop.input.monitor?.name;
  return (
    <Page title="Overview" {...(loop.project === "Overview" ? {} : { heading: loop.project, kicker: "Overview" })} meta={<Meta watermark={loop.input.monitor?.watermark ?? null} />}
      actions={loop.names.length > 1 && name !== undefined
        ? <Segments label="Monitor" value={name} options={loop.names.map((each) => ({ value: each, label: each }))} onChange={(next) => setSearch({ monitor: next })} /> : undefined}>
      {loop.settled ? <LapStrip sectors={sectorsOf(loop.input)} /> : <Skeleton height={88} />}
      {name !== undefined && <TimelinePanel key={name} monitor={name} />}
      {monitorList.isSuccess && name === undefined && (
        <Panel title="Quality over event time"><Empty title="No monitor is declared" command="pitcrew apply">Declare one under <code>monitors</code> in <code>pitcrew.yaml</code>; its windows draw the line here.</Empty></Panel>
      )}
      {monitorList.isPending && <Skeleton height={440} />}
      <div className="cols-main">
        <div className="side-cards">
          <ServingCard deployment={loop.input.deployment} release={loop.input.release} />
          <AlertsCard />
          <RunsCard />
        </div>
        <Panel title="Activity" aside={<Link to={paths.activity()}>All activity</Link>} flush>
          <Loaded query={eventList} skeleton={<div className="panel-body"><Skeleton lines={9} /></div>}>
            {(events) => (events.length === 0 ? <Empty title="Nothing has happened yet" /> : <Feed events={events} />)}
          </Loaded>
        </Panel>
      </div>
    </Page>
  );
}

function Meta({ watermark }: { watermark: string | null }): ReactNode {
  const server = useQuery(status());
  const work = server.data?.work;
  const busy = work !== undefined && server.data?.at_rest === false;
  return (
    <>
      {server.data !== undefined && <State of={busy ? "running" : "idle"} label={busy ? `working: ${work.jobs_running} running, ${work.jobs_ready} ready` : "at rest"} quiet />}
      {watermark !== null && <span title="Event time up to which labels are complete">labels complete to <EventTime at={watermark} /></span>}
    </>
  );
}

/** The objects of the loop around one monitor: its deployment, the newest release, run, gate decision and data. */
function useLoop(wanted: string | null) {
  const d = useQuery(datasets());
  const r = useQuery(pipelineRuns());
  const g = useQuery(gateDecisions());
  const rel = useQuery(releases());
  const dep = useQuery(deployments());
  const mon = useQuery(monitors());
  const al = useQuery(alerts());
  const pro = useQuery(projects());
  return useMemo(() => {
    const monitor = mon.data?.find((each) => each.name === wanted) ?? mon.data?.[0];
    const deployment = dep.data?.find((each) => each.name === monitor?.deployment) ?? dep.data?.[0];
    const release = rel.data?.find((each) => each.deployment === deployment?.name);
    const gate = g.data?.find((each) => each.model === deployment?.model) ?? g.data?.[0];
    const run = r.data?.[0];
    const dataset = d.data?.find((each) => each.latest !== null) ?? d.data?.[0];
    const alert = al.data?.find((each) => each.monitor === monitor?.name && each.state !== "resolved");
    const known = [d, r, dep, mon].every((query) => query.isSuccess);
    const settled = [d, r, g, rel, dep, mon, al].every((query) => !query.isPending);
    return {
      input: { dataset, run, gate, release, deployment, monitor, alert },
      names: (mon.data ?? []).map((each) => each.name),
      project: pro.data?.length === 1 ? (pro.data[0]?.name ?? "Overview") : "Overview",
      settled,
      fresh: known && [d, r, dep, mon].every((query) => query.data?.length === 0),
    };
  }, [d, r, g, rel, dep, mon, al, pro, wanted]);
}
