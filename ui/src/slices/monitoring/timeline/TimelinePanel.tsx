import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import type { MonitorWindow, Timeline } from "../../../api/monitoring";
import { Button, Segments } from "../../../kit/Button";
import { DAY } from "../../../kit/chart/scale";
import { Empty, Loaded, Skeleton } from "../../../kit/Feedback";
import { Icon } from "../../../kit/Icon";
import { Panel } from "../../../kit/Page";
import { timeline as timelineQuery, windows as windowsQuery } from "../queries";
import { KIND, LANES, extent } from "./model";
import { TimelineChart } from "./TimelineChart";

type Range = "all" | "90" | "30" | "14";
const RANGES: { value: Range; label: string }[] = [{ value: "all", label: "All" }, { value: "90", label: "90 d" }, { value: "30", label: "30 d" }, { value: "14", label: "14 d" }];

const NONE: MonitorWindow[] = [];

/** The timeline of a monitor with its range and its legend. */
export function TimelinePanel({ monitor, title, aside }: { monitor: string; title?: ReactNode; aside?: ReactNode }): ReactNode {
  const [range, setRange] = useState<Range>("all");
  const [zoom, setZoom] = useState<[number, number] | null>(null);
  const query = useQuery(timelineQuery(monitor));
  // Asked for at once with the timeline: one after the other would draw the versions a round trip later.
  const windows = useQuery(windowsQuery(monitor));
  const controls = (
    <>
      {aside}
      {zoom !== null && <Button kind="ghost" onClick={() => setZoom(null)}>Reset zoom</Button>}
      <Segments label="Range of event time" value={range} options={RANGES} onChange={(next) => { setRange(next); setZoom(null); }} />
    </>
  );
  return (
    <Panel title={title ?? <>Quality over event time{query.data !== undefined && <span className="faint">{query.data.metric}</span>}</>} aside={controls} flush className="timeline-panel">
      <Loaded query={query} skeleton={<div className="panel-body"><Skeleton height={392} /></div>}>
        {(timeline) => <Drawn timeline={timeline} windows={windows.data ?? NONE} range={range} zoom={zoom} onZoom={setZoom} />}
      </Loaded>
    </Panel>
  );
}

function Drawn({ timeline, windows, range, zoom, onZoom }: { timeline: Timeline; windows: MonitorWindow[]; range: Range; zoom: [number, number] | null; onZoom: (zoom: [number, number]) => void }): ReactNode {
  const domain = useMemo(() => {
    const whole = extent(timeline);
    if (zoom !== null || whole === null || range === "all") return zoom ?? whole;
    return [Math.max(whole[0], whole[1] - Number(range) * DAY), whole[1]] as [number, number];
  }, [timeline, range, zoom]);
  if (domain === null) {
    return (
      <Empty title="No window has closed yet" command="pitcrew demo bikes">
        The line appears when predictions have got their labels and the first window of event time is evaluated.
      </Empty>
    );
  }
  return (
    <>
      <TimelineChart timeline={timeline} windows={windows} domain={domain} onZoom={onZoom} />
      <Legend timeline={timeline} />
    </>
  );
}

function Legend({ timeline }: { timeline: Timeline }): ReactNode {
  const kinds = LANES.flatMap((lane) => lane.kinds).filter((kind) => timeline.annotations.some((each) => each.kind === kind));
  return (
    <div className="legend" aria-hidden="true">
      {kinds.map((kind) => <span key={kind}><Icon name={KIND[kind].icon} size={12} />{KIND[kind].label}</span>)}
      {kinds.includes("alarm") && <span><i className="swatch alarm" />alarm firing</span>}
      {kinds.includes("canary") && <span><i className="swatch canary" />release under way</span>}
      <span className="hide-phone">drag to zoom, ← → on the marks</span>
    </div>
  );
}
