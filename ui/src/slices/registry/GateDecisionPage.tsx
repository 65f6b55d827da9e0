import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { GateDecision } from "../../api/registry";
import { CauseText } from "../../kit/Cause";
import { Loaded, Skeleton } from "../../kit/Feedback";
import { cell, count, num, signed } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth, isBetter } from "../../kit/metricOrder";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago } from "../../kit/Time";
import { gateDecision } from "./queries";
import { Rules } from "./Rules";

export default function GateDecisionPage(): ReactNode {
  const { id = "" } = useParams();
  const query = useQuery(gateDecision(id));
  const data = query.data;
  const title = data === undefined ? "Gate decision" : data.version === null ? `Gate on a candidate of ${data.model}` : `Gate on ${data.model}/${data.version}`;
  return (
    <Page title={title} heading={<>{title}{data !== undefined && <State of={data.verdict} />}</>}
      crumbs={[{ label: "Models", to: paths.models() }, ...(data === undefined ? [] : [{ label: data.model, to: paths.model(data.model) }])]}
      meta={data !== undefined && <>
        <span>decided <Ago at={data.at} /></span>
        {data.rows !== null && <span>on {count(data.rows)} held-out rows</span>}
        {data.pipeline_run !== null && <Link className="link" to={paths.pipelineRun(data.pipeline_run)}>pipeline run</Link>}
        {data.version !== null && <Link className="link" to={paths.modelVersion(data.model, data.version)}>{data.model}/{data.version}</Link>}
        {data.cause !== null && data.cause.kind !== "pipeline_run" && <CauseText cause={data.cause} />}
      </>}>
      <Loaded query={query} skeleton={<Skeleton height={240} />}>
        {(gate) => (
          <>
            {gate.verdict === "refused" && <p className="verdict rolled_back">The candidate never became a version. What served before serves on.</p>}
            <Panel title="Rules" flush><Rules rules={gate.rules} /></Panel>
            {Object.keys(gate.metrics).length > 0 && <Panel title="On the same rows" flush><Compare gate={gate} /></Panel>}
          </>
        )}
      </Loaded>
    </Page>
  );
}


function Compare({ gate }: { gate: GateDecision }): ReactNode {
  const keys = byWorth([...new Set([...Object.keys(gate.metrics), ...Object.keys(gate.champion_metrics ?? {})])]);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" role="region" aria-label="Candidate and champion" tabIndex={0}>
      <table className="compare">
        <thead><tr><th scope="col">Metric</th><th scope="col" className="num">Candidate</th><th scope="col" className="num">{gate.champion === null ? "Champion" : `${gate.model}/${gate.champion}`}</th><th scope="col" className="num">Difference</th></tr></thead>
        <tbody>
          {keys.map((key) => {
            const difference = num(gate.metrics[key]) - num(gate.champion_metrics?.[key]);
            const better = isBetter(key, num(gate.metrics[key]), num(gate.champion_metrics?.[key]));
            return (
              <tr key={key}>
                <td>{key}</td><td className="num">{cell(gate.metrics[key])}</td><td className="num">{cell(gate.champion_metrics?.[key])}</td>
                <td className={`num ${Number.isNaN(difference) ? "" : better ? "better" : "poorer"}`}>{Number.isNaN(difference) ? "–" : signed(difference)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
