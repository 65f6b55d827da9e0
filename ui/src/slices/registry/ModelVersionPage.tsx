import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { ModelVersion, Tensor } from "../../api/registry";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { bytes, metric, plain } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { Facts, Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { AliasTag } from "./Aliases";
import { Lineage } from "./Lineage";
import { gateDecision, modelVersion } from "./queries";
import { Rules } from "./Rules";

export default function ModelVersionPage(): ReactNode {
  const { name = "", version = "" } = useParams();
  const query = useQuery(modelVersion(name, version));
  const data = query.data;
  return (
    <Page title={`${name}/${version}`} crumbs={[{ label: "Models", to: paths.models() }, { label: name, to: paths.model(name) }]}
      heading={<>{name}/{version}{data?.aliases.map((alias) => <AliasTag key={alias} alias={alias} />)}</>}
      meta={data !== undefined && <>
        <span>registered <Ago at={data.created_at} /> by {data.created_by}</span>
        {data.lineage?.pipeline_run && <Link className="link" to={paths.pipelineRun(data.lineage.pipeline_run)}>pipeline run</Link>}
        {data.tracking_run_id !== null && <Link className="link" to={paths.run(data.tracking_run_id)}>tracked run</Link>}
      </>} actions={data !== undefined && <><Link className="button" to={paths.modelCard(name, version)}>Model card</Link><Link className="button" to={paths.compareVersions(name, version)}>Compare</Link></>}>
      <Loaded query={query} skeleton={<><Skeleton height={120} /><Skeleton height={260} /></>}>{(each) => <Body version={each} />}</Loaded>
    </Page>
  );
}

function Body({ version }: { version: ModelVersion }): ReactNode {
  const metrics = byWorth(Object.keys(version.metrics));
  return (
    <>
      {metrics.length > 0 && <Panel title="On the held-out rows"><dl className="figures">{metrics.map((key) => <div key={key}><dt>{key}</dt><dd>{metric(version.metrics[key])}</dd></div>)}</dl></Panel>}
      <Lineage version={version} />
      {version.gate_decision !== null && <Gate id={version.gate_decision} />}
      <div className="cols-2">
        <Panel title="Artifact">
          <Facts items={[
            ["Format", version.format ?? "unknown"], ["Size", version.bytes > 0 ? bytes(version.bytes) : null], ["Digest", version.digest === null ? null : <Id key="d" value={version.digest} length={16} />],
            ["Signature", version.signature === null ? "not signed" : <span key="s">{version.signature.algorithm} with key {version.signature.key_id}</span>], ["Value", version.signature === null ? null : <Id key="v" value={version.signature.value} length={16} />],
            ["Source", <code key="o" className="small">{version.source}</code>],
          ]} />
        </Panel>
        <Panel title="Trained with">
          {version.lineage === null ? <Empty title="No lineage is known">The version was registered from outside a pipeline.</Empty> : (
            <Facts items={[
              ["Code", version.lineage.code_digest === null ? null : <Id key="c" value={version.lineage.code_digest} />], ["Commit", version.lineage.git_commit], ["Environment", version.lineage.environment_digest === null ? null : <Id key="e" value={version.lineage.environment_digest} />],
              ...Object.entries(version.lineage.params).map(([key, value]): [string, ReactNode] => [key, <code key={key}>{plain(value)}</code>]),
            ]} />
          )}
        </Panel>
      </div>
      <div className="cols-2">
        <Panel title="Inputs" flush><Table label="Inputs" columns={TENSORS} rows={version.inputs} rowKey={(row) => row.name} /></Panel>
        <Panel title="Outputs" flush><Table label="Outputs" columns={TENSORS} rows={version.outputs} rowKey={(row) => row.name} /></Panel>
      </div>
    </>
  );
}

const TENSORS: ColumnDef<Tensor>[] = [
  { key: "name", head: "Name", cell: (row) => <code>{row.name}</code>, fill: true },
  { key: "type", head: "Type", cell: (row) => row.datatype },
  { key: "shape", head: "Shape", cell: (row) => <code>[{row.shape.map((n) => (n < 0 ? "any" : n)).join(", ")}]</code>, align: "end" },
];

function Gate({ id }: { id: string }): ReactNode {
  const query = useQuery(gateDecision(id));
  return (
    <Panel title={<>Gate{query.data !== undefined && <State of={query.data.verdict} />}</>} aside={<Link to={paths.gateDecision(id)}>Decision</Link>} flush>
      <Loaded query={query}>{(gate) => <Rules rules={gate.rules} />}</Loaded>
    </Panel>
  );
}
