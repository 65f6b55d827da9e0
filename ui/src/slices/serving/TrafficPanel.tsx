import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import type { TrafficPoint } from "../../api/serving";
import { type Line, Series } from "../../kit/chart/Series";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { compact, micros } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { traffic } from "./queries";
import { trafficLines } from "./trafficLines";

/** Requests and latency of each arm, second by second. */
export function TrafficPanels({ name, example }: { name: string; example: string }): ReactNode {
  const query = useQuery(traffic(name));
  const skeleton = <div className="cols-2"><Skeleton height={210} /><Skeleton height={210} /></div>;
  return <Loaded query={query} skeleton={skeleton}>{(points) => <Panels points={points} example={example} />}</Loaded>;
}

function Panels({ points, example }: { points: TrafficPoint[]; example: string }): ReactNode {
  const lines = useMemo(() => trafficLines(points), [points]);
  if (lines.times.length < 2) {
    return <Panel title="Traffic"><Empty title="No request in the last two minutes" command={example}>Requests and latency of each arm appear here within a second.</Empty></Panel>;
  }
  return (
    <div className="cols-2">
      <Panel title="Requests per second" aside={<Keys lines={lines.requests} />}>
        <Series label="Requests per second" times={lines.times} lines={lines.requests} format={(value) => (Number.isNaN(value) ? "–" : compact(Math.round(value)))} />
      </Panel>
      <Panel title="Latency" aside={<Keys lines={lines.latency} />}>
        <Series label="Latency" times={lines.times} lines={lines.latency} format={(value) => (Number.isNaN(value) ? "–" : micros(value))} />
      </Panel>
    </div>
  );
}

function Keys({ lines }: { lines: Line[] }): ReactNode {
  return (
    <span className="row hide-phone">
      {lines.map((line) => (
        <span key={line.key} className="row tight"><svg width="14" height="3" aria-hidden="true"><line x1="0" x2="14" y1="1.5" y2="1.5" stroke={line.color} strokeWidth="2" strokeDasharray={line.dashed ? "4 3" : undefined} /></svg>{line.label}</span>
      ))}
    </span>
  );
}
