import { useQuery } from "@tanstack/react-query";
import { Fragment, type ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { Deployment } from "../../api/serving";
import { Copy } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { EventTime } from "../../kit/Time";
import { ArmTable, Split } from "./Arms";
import { EvidenceChart } from "./EvidenceChart";
import { Predictions } from "./Predictions";
import { deployment, release, releases } from "./queries";
import { ReleaseActions } from "./ReleaseActions";
import { ReleaseTable } from "./ReleaseTable";
import { TrafficPanels } from "./TrafficPanel";

export default function DeploymentPage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(deployment(name));
  const state = query.data;
  return (
    <Page title={name} crumbs={[{ label: "Deployments", to: paths.deployments() }]}
      heading={<>{name}{state !== undefined && <State of={state.state} />}</>}
      meta={state !== undefined && <>
        <span>follows <Link className="link" to={paths.model(state.model)}>{state.model}</Link>@{state.alias}</span>
        {state.watermark !== null && <span>served up to <EventTime at={state.watermark} /></span>}
      </>}>
      <Loaded query={query} skeleton={<Skeleton height={260} />}>{(data) => <Body deployment={data} />}</Loaded>
    </Page>
  );
}

function Body({ deployment: each }: { deployment: Deployment }): ReactNode {
  const list = useQuery(releases(each.name));
  const example = `pitcrew predict ${each.name} --records '[{…}]'`;
  if (each.arms.length === 0) {
    return <Panel><Empty title="Nothing is served yet" command="pitcrew run train">The alias <code>{each.alias}</code> of {each.model} names no version; the first one that passes the gate gets it.</Empty></Panel>;
  }
  return (
    <>
      <div className="cols-main">
        <Panel title="Traffic split"><div className="stack"><Split arms={each.arms} model={each.model} /><ArmTable arms={each.arms} model={each.model} /></div></Panel>
        <Panel title="Endpoints"><Endpoints endpoints={each.endpoints} /></Panel>
      </div>
      {each.release !== null && <UnderWay id={each.release} />}
      <TrafficPanels name={each.name} example={example} />
      <Panel title="Releases" flush><Loaded query={list}>{(data) => <ReleaseTable releases={data} />}</Loaded></Panel>
      <Predictions name={each.name} />
    </>
  );
}

const PROTOCOLS: Record<string, string> = { oip: "Open Inference", mlflow: "MLflow" };

function Endpoints({ endpoints }: { endpoints: Record<string, string> }): ReactNode {
  return <Facts items={Object.entries(endpoints).map(([protocol, path]): [string, ReactNode] => [PROTOCOLS[protocol] ?? protocol, <span key={protocol} className="id"><code><Breakable text={path} /></code><Copy text={window.location.origin + path} label={`Copy the address of ${protocol}`} /></span>])} />;
}

/** An address that may go on in the next line after a slash. */
function Breakable({ text }: { text: string }): ReactNode {
  return text.split(/(?<=\/)/).map((part, index, all) => <Fragment key={all.slice(0, index + 1).join("")}>{part}<wbr /></Fragment>);
}

function UnderWay({ id }: { id: string }): ReactNode {
  const query = useQuery(release(id));
  if (query.data === undefined || query.data.state !== "running") return null;
  return (
    <Panel title={<><Link to={paths.release(id)}>Release of {query.data.model}/{query.data.candidate}</Link><State of="running" /></>} aside={<ReleaseActions release={query.data} />}>
      <EvidenceChart release={query.data} height={220} />
    </Panel>
  );
}
