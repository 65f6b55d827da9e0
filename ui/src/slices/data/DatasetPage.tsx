import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router-dom";
import type { DatasetVersion } from "../../api/data";
import { CauseText } from "../../kit/Cause";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { bytes, count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { Checks } from "./Checks";
import { checkReports, dataset, datasetVersions } from "./queries";

const COLUMNS: ColumnDef<DatasetVersion>[] = [
  { key: "version", head: "Version", cell: (row) => row.ref, sort: (row) => row.version },
  { key: "gate", head: "Checks", cell: (row) => <State of={row.gate} /> },
  { key: "rows", head: "Rows", cell: (row) => count(row.rows), align: "end", sort: (row) => row.rows },
  { key: "bytes", head: "Size", cell: (row) => bytes(row.bytes), align: "end", sort: (row) => row.bytes, wideOnly: true },
  { key: "new", head: "New", cell: (row) => <span className="muted">{bytes(row.new_bytes)}</span>, align: "end", wideOnly: true },
  { key: "cause", head: "Cause", cell: (row) => <CauseText cause={row.cause} />, fill: true, wideOnly: true },
  { key: "created", head: "Made", cell: (row) => <Ago at={row.created_at} />, align: "end", sort: (row) => row.created_at },
];

export default function DatasetPage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(dataset(name));
  const versions = useQuery(datasetVersions(name));
  const reports = useQuery(checkReports(name));
  const failed = reports.data?.filter((report) => report.gate === "failed") ?? [];
  const newest = failed[0];
  return (
    <Page title={name} crumbs={[{ label: "Data", to: paths.data() }]} meta={query.data !== undefined && <><span>{query.data.description}</span><code>{query.data.source}</code>{query.data.time && <span>event time in <code>{query.data.time}</code></span>}{(reports.data?.length ?? 0) > 0 && <Link className="link" to={paths.checkReports(name)}>check reports</Link>}</>}>
      <Loaded query={query} skeleton={<Skeleton height={200} />}>
        {() => (
          <Panel title="Versions" flush>
            <Loaded query={versions} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
              {(list) => (list.length === 0
                ? <Empty title="No version yet" command={`pitcrew data add ${name}`}>Adding reads the source, checks it, and stores what is new. A pipeline with <code>refresh</code> does it by itself.</Empty>
                : <Table label="Versions" columns={COLUMNS} rows={list} rowKey={(row) => row.ref} rowTo={(row) => paths.datasetVersion(row.dataset, row.version)} />)}
            </Loaded>
          </Panel>
        )}
      </Loaded>
      {newest !== undefined && (
        <Panel title={<>Last refusal<State of="failed" label={`${newest.checks.filter((check) => check.status === "fail").length} failed`} /></>}
          aside={<><Ago at={newest.at} /><Link to={paths.checkReports(name)}>All check reports</Link></>} flush>
          <Checks checks={newest.checks.filter((check) => check.status !== "pass")} />
        </Panel>
      )}
    </Page>
  );
}
