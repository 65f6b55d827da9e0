import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Dataset } from "../../api/data";
import { EXAMPLES } from "../../kit/examples";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { bytes, count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { datasets } from "./queries";

const COLUMNS: ColumnDef<Dataset>[] = [
  { key: "name", head: "Data set", cell: (row) => row.name, sort: (row) => row.name },
  { key: "description", head: "Holds", cell: (row) => <span className="muted">{row.description}</span>, fill: true, wideOnly: true },
  { key: "source", head: "Source", cell: (row) => <code>{row.source}</code>, wideOnly: true },
  { key: "latest", head: "Latest", cell: (row) => row.latest?.ref ?? <span className="faint">none</span> },
  { key: "gate", head: "Checks", cell: (row) => (row.latest === null ? "" : <State of={row.latest.gate} />) },
  { key: "rows", head: "Rows", cell: (row) => count(row.latest?.rows), align: "end", sort: (row) => row.latest?.rows ?? 0 },
  { key: "bytes", head: "Size", cell: (row) => bytes(row.latest?.bytes), align: "end", wideOnly: true },
  { key: "created", head: "Made", cell: (row) => (row.latest === null ? "" : <Ago at={row.latest.created_at} />), align: "end" },
];

export default function DatasetsPage(): ReactNode {
  const query = useQuery(datasets());
  return (
    <Page title="Data" meta={<span>Versions of data, stored by content: the same bytes are kept once, and a version never changes.</span>}>
      <Panel flush>
        <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
          {(list) => (list.length === 0
            ? <Empty title="No data set is declared" example={EXAMPLES.datasets} command="pitcrew apply">A data set is a source and its checks, in <code>pitcrew.yaml</code>:</Empty>
            : <Table label="Data sets" columns={COLUMNS} rows={list} rowKey={(row) => row.name} rowTo={(row) => paths.dataset(row.name)} />)}
        </Loaded>
      </Panel>
    </Page>
  );
}
