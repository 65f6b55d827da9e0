import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link, useParams } from "react-router-dom";
import type { ModelVersion } from "../../api/registry";
import { RefLink } from "../../kit/Cause";
import { Spark } from "../../kit/chart/Small";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { cell, num } from "../../kit/format";
import { paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { Page, Panel } from "../../kit/Page";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { Aliases, AliasTag } from "./Aliases";
import { GatePanel } from "./GatePanel";
import { History } from "./History";
import { Lineage } from "./Lineage";
import { GateTable } from "./ModelsPage";
import { aliasHistory, gateDecisions, model, modelVersions } from "./queries";

const METRICS_SHOWN = 4;

export default function ModelPage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(model(name));
  const versions = useQuery(modelVersions(name));
  const history = useQuery(aliasHistory(name));
  const gates = useQuery(gateDecisions(name));
  const champion = versions.data?.find((each) => each.version === query.data?.aliases["champion"]) ?? versions.data?.[0];
  return (
    <Page title={name} crumbs={[{ label: "Models", to: paths.models() }]} meta={query.data !== undefined && <><span>{query.data.description}</span><Aliases aliases={query.data.aliases} /></>}
      actions={<>{champion !== undefined && <Link className="button" to={paths.modelCard(name, champion.version)}>Model card</Link>}{(versions.data?.length ?? 0) > 1 && <Link className="button" to={paths.compareVersions(name)}>Compare versions</Link>}</>}>
      <Loaded query={query} skeleton={<Skeleton height={260} />}>
        {(each) => (
          <>
            <Panel title="Versions" aside={versions.data !== undefined && <Trend versions={versions.data} />} flush>
              <Loaded query={versions} skeleton={<div className="panel-body"><Skeleton lines={4} /></div>}>{(list) => <Versions versions={list} />}</Loaded>
            </Panel>
            <GatePanel gate={each.gate} />
            {champion !== undefined && <Lineage version={champion} />}
            <div className="cols-main">
              <Panel title="Gate decisions" flush><Loaded query={gates}>{(list) => <GateTable gates={list} />}</Loaded></Panel>
              <Panel title="Who promoted what, and why" flush><Loaded query={history}>{(list) => <History moves={list} model={name} versions={(versions.data ?? []).map((each) => each.version)} />}</Loaded></Panel>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Versions({ versions }: { versions: ModelVersion[] }): ReactNode {
  const columns = useMemo((): ColumnDef<ModelVersion>[] => {
    const keys = byWorth([...new Set(versions.flatMap((each) => Object.keys(each.metrics)))]).slice(0, METRICS_SHOWN);
    return [
      { key: "version", head: "Version", cell: (row) => row.ref, sort: (row) => row.version },
      { key: "aliases", head: "Aliases", cell: (row) => <span className="row tight">{row.aliases.map((alias) => <AliasTag key={alias} alias={alias} />)}</span> },
      ...keys.map((key): ColumnDef<ModelVersion> => ({ key, head: key, cell: (row) => cell(row.metrics[key]), align: "end", sort: (row) => num(row.metrics[key]) })),
      { key: "data", head: "Data", cell: (row) => (row.lineage?.dataset ? <RefLink kind="dataset_version" id={row.lineage.dataset} /> : "–"), wideOnly: true },
      { key: "gate", head: "Gate", cell: (row) => (row.gate_decision === null ? <span className="faint">none</span> : <Link className="link" to={paths.gateDecision(row.gate_decision)}>passed</Link>), wideOnly: true },
      { key: "signed", head: "Signed", cell: (row) => (row.signature === null ? <span className="faint">no</span> : row.signature.algorithm), wideOnly: true },
      { key: "created", head: "Registered", cell: (row) => <Ago at={row.created_at} />, align: "end", sort: (row) => row.created_at },
    ];
  }, [versions]);
  if (versions.length === 0) return <Empty title="No version yet" command="pitcrew run train">The gate lets the first one pass when it keeps the declared floors.</Empty>;
  return <Table label="Versions" columns={columns} rows={versions} rowKey={(row) => row.ref} rowTo={(row) => paths.modelVersion(row.model, row.version)} />;
}

/** The first metric from version to version. */
function Trend({ versions }: { versions: ModelVersion[] }): ReactNode {
  const [key] = byWorth(Object.keys(versions[0]?.metrics ?? {}));
  if (key === undefined || versions.length < 2) return null;
  return <span className="row">{key}<Spark label={`${key} from version to version`} values={versions.toReversed().map((each) => num(each.metrics[key]))} /></span>;
}
