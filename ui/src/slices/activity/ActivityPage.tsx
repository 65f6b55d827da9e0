import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Button, Segments } from "../../kit/Button";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { Page, Panel } from "../../kit/Page";
import { type SliceFilter, inSlice } from "./feedLook";
import { Feed } from "./Feed";
import { latestEvents } from "./queries";

const SLICES: { value: SliceFilter; label: string }[] = [
  { value: "all", label: "All" }, { value: "data", label: "Data" }, { value: "pipelines", label: "Pipelines" }, { value: "tracking", label: "Runs" },
  { value: "registry", label: "Models" }, { value: "serving", label: "Serving" }, { value: "monitoring", label: "Monitoring" },
];
const FIRST = 100;
const MOST = 1000;

export default function ActivityPage(): ReactNode {
  const [slice, setSlice] = useState<SliceFilter>("all");
  const [size, setSize] = useState(FIRST);
  const query = useQuery({ ...latestEvents(size), placeholderData: (old) => old });
  return (
    <Page title="Activity" meta={<span>Everything the loop did, newest first. It grows by itself.</span>}
      actions={<Segments label="Part of the loop" value={slice} options={SLICES} onChange={setSlice} />}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={10} /></div>}>
          {(events) => {
            const shown = events.filter((event) => inSlice(event, slice));
            if (shown.length === 0) return <Empty title={slice === "all" ? "Nothing has happened yet" : "Nothing of this kind yet"} command="pitcrew apply">Applying a project is the first event.</Empty>;
            return (
              <>
                <div className="feed-page"><Feed events={shown} names /></div>
                {events.length >= size && size < MOST && <div className="table-foot"><Button onClick={() => setSize((n) => Math.min(MOST, n * 3))}>Show older</Button></div>}
              </>
            );
          }}
        </Loaded>
      </Panel>
    </Page>
  );
}
