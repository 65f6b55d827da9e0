import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Prediction } from "../../api/serving";
import { Button } from "../../kit/Button";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { cell, metric, micros, plain } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { Tag } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago, EventTime } from "../../kit/Time";
import { armColour } from "./Arms";
import { predictions } from "./queries";

const shownPrediction = (row: Prediction): string => (typeof row.prediction === "number" ? cell(row.prediction) : plain(row.prediction));

function error(row: Prediction): string {
  const value = typeof row.prediction === "number" ? row.prediction : Array.isArray(row.prediction) && typeof row.prediction[0] === "number" ? row.prediction[0] : null;
  return value === null || row.label === null ? "–" : cell(Math.abs(value - row.label));
}

const features = (row: Prediction): string => Object.entries(row.features).map(([name, value]) => `${name} ${plain(value)}`).join(", ");

const COLUMNS: ColumnDef<Prediction>[] = [
  { key: "event", head: "Event time", cell: (row) => (row.event_time === null ? "–" : <EventTime at={row.event_time} />) },
  { key: "arm", head: "Arm", cell: (row) => <span className="arm-name"><i className="swatch" style={{ background: armColour(row.arm) }} />v{row.version}{row.role === "shadow" && <Tag title="Computed for comparison; nobody got this answer">shadow</Tag>}</span> },
  { key: "prediction", head: "Prediction", cell: (row) => shownPrediction(row), align: "end" },
  { key: "label", head: "Label", cell: (row) => (row.label === null ? <span className="faint">not yet</span> : metric(row.label)), align: "end" },
  { key: "error", head: "Error", cell: error, align: "end" },
  { key: "features", head: "Features", cell: (row) => <span className="muted" title={features(row)}>{features(row)}</span>, fill: true, wideOnly: true },
  { key: "latency", head: "Latency", cell: (row) => micros(row.latency_us), align: "end", wideOnly: true },
  { key: "at", head: "Answered", cell: (row) => <Ago at={row.at} />, align: "end", wideOnly: true },
];

/** The newest predictions; reading them can be halted, since they move while one looks. */
export function Predictions({ name }: { name: string }): ReactNode {
  const [live, setLive] = useState(true);
  const query = useQuery(predictions(name, live));
  return (
    <Panel title="Recent predictions" aside={<Button kind="ghost" icon={live ? "stop" : "play"} onClick={() => setLive(!live)}>{live ? "Hold" : "Go on"}</Button>} flush>
      <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={6} /></div>}>
        {(list) => (list.length === 0 ? <Empty title="No prediction yet" command={`pitcrew predict ${name} --records '[{…}]'`} /> : <Table label="Recent predictions" columns={COLUMNS} rows={list} first={12} rowKey={(row) => `${row.request_id} ${row.arm} ${row.at}`} />)}
      </Loaded>
    </Panel>
  );
}
