import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router-dom";
import type { DatasetVersion } from "../../api/data";
import { CauseText } from "../../kit/Cause";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { bytes, count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { Checks } from "./Checks";
import { Profile } from "./Profile";
import { datasetVersion } from "./queries";

/** A source of one file a day has hundreds. */
const FILES_SHOWN = 10;

type DataFile = DatasetVersion["files"][number];

const FILES: ColumnDef<DataFile>[] = [
  { key: "path", head: "File", cell: (row) => <code>{row.path}</code>, fill: true },
  { key: "rows", head: "Rows", cell: (row) => count(row.rows), align: "end" },
  { key: "bytes", head: "Size", cell: (row) => bytes(row.bytes), align: "end" },
  { key: "digest", head: "Digest", cell: (row) => <Id value={row.digest} />, align: "end", wideOnly: true },
];

export default function DatasetVersionPage(): ReactNode {
  const { name = "", version = "" } = useParams();
  const query = useQuery(datasetVersion(name, version));
  const data = query.data;
  return (
    <Page title={`${name}@${version}`} heading={<>{name}@{version}{data !== undefined && <State of={data.gate} label={`checks ${data.gate}`} />}</>}
      crumbs={[{ label: "Data", to: paths.data() }, { label: name, to: paths.dataset(name) }]}
      meta={data !== undefined && <>
        <span>{count(data.rows)} rows</span><span>{bytes(data.bytes)}, {bytes(data.new_bytes)} new</span><span>made <Ago at={data.created_at} /> by {data.created_by}</span><CauseText cause={data.cause} /><Id value={data.digest} />
      </>}>
      <Loaded query={query} skeleton={<><Skeleton height={180} /><Skeleton height={380} /></>}>
        {(each) => (
          <>
            <Panel title="Checks" aside={<span>{each.checks.filter((check) => check.status === "pass").length} of {each.checks.length} passed</span>} flush>
              {each.checks.length === 0 ? <Empty title="No check is declared" command="pitcrew plan">Add some under <code>checks</code> in <code>pitcrew.yaml</code>; they gate every new version.</Empty> : <Checks checks={each.checks} />}
            </Panel>
            <Panel title="Columns" aside={<span>{each.schema.length} columns, schema pinned</span>}><Profile schema={each.schema} profile={each.profile?.columns ?? []} rows={each.rows} /></Panel>
            <Panel title="Files" aside={<span>{count(each.files.length)} {each.files.length === 1 ? "file" : "files"}</span>} flush><Table label="Files" columns={FILES} rows={each.files} first={FILES_SHOWN} rowKey={(row) => row.path} /></Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}
