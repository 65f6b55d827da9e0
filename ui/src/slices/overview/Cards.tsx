import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Deployment, Release } from "../../api/serving";
import { Empty, Loaded } from "../../kit/Feedback";
import { metric } from "../../kit/format";
import { paths } from "../../kit/links";
import { Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago, Elapsed } from "../../kit/Time";
import { ArmTable, Split } from "../serving/Arms";
import { EvidenceChart } from "../serving/EvidenceChart";
import { release as releaseQuery } from "../serving/queries";
import { alerts } from "../monitoring/queries";
import { pipelineRuns } from "../pipelines/queries";

const SHOWN = 5;

/** What serves now, and the release that is under way. */
export function ServingCard({ deployment, release }: { deployment: Deployment | undefined; release: Release | undefined }): ReactNode {
  if (deployment === undefined) return null;
  const open = release?.state === "running" ? release : undefined;
  return (
    <Panel className="wide" title={<><Link to={paths.deployment(deployment.name)}>{deployment.name}</Link><State of={deployment.state} /></>}
      aside={open !== undefined && <Link to={paths.release(open.id)}>Release in detail</Link>}>
      {deployment.arms.length === 0
        ? <Empty title="Nothing is served yet" command="pitcrew run train">The alias <code>{deployment.alias}</code> of {deployment.model} names no version; the first one that passes the gate gets it.</Empty>
        : <div className="stack"><Split arms={deployment.arms} model={deployment.model} /><ArmTable arms={deployment.arms} model={deployment.model} /></div>}
      {open !== undefined && <OpenRelease id={open.id} fallback={open} />}
    </Panel>
  );
}

function OpenRelease({ id, fallback }: { id: string; fallback: Release }): ReactNode {
  const query = useQuery(releaseQuery(id));
  const release = query.data ?? fallback;
  if (release.evidence.length === 0) return null;
  return <EvidenceChart release={release} height={170} />;
}

export function AlertsCard(): ReactNode {
  const query = useQuery(alerts());
  return (
    <Panel title="Alerts" aside={<Link to={paths.alerts()}>All alerts</Link>} flush>
      <Loaded query={query}>
        {(list) => (list.length === 0 ? <Empty title="No alert has ever fired" /> : (
          <ul className="lines">
            {list.slice(0, SHOWN).map((alert) => (
              <li key={alert.id}>
                <Link to={paths.alert(alert.id)} className="grow">
                  <span className="row spread"><b className="truncate">{alert.rule}</b><State of={alert.state} /></span>
                  <span className="row spread small faint"><span>{alert.metric} {metric(alert.value)} of {metric(alert.threshold)}</span>{alert.pending_at !== null && <Ago at={alert.fired_at ?? alert.pending_at} />}</span>
                </Link>
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
    </Panel>
  );
}

export function RunsCard(): ReactNode {
  const query = useQuery(pipelineRuns());
  return (
    <Panel title="Pipeline runs" aside={<Link to={paths.pipelines()}>All pipelines</Link>} flush>
      <Loaded query={query}>
        {(list) => (list.length === 0 ? <Empty title="No pipeline has run" command="pitcrew run train" /> : (
          <ul className="lines">
            {list.slice(0, SHOWN).map((run) => (
              <li key={run.id}>
                <Link to={paths.pipelineRun(run.id)} className="grow">
                  <span className="row spread"><b>{run.pipeline} #{run.number}</b><State of={run.state} /></span>
                  <span className="row spread small faint"><span className="truncate">{run.reason ?? run.cause?.summary ?? ""}</span><span className="nowrap"><Elapsed from={run.started_at} to={run.finished_at} /></span></span>
                </Link>
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
    </Panel>
  );
}
