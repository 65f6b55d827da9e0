import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { AuditEntry } from "../../api/activity";
import { Button } from "../../kit/Button";
import { Id } from "../../kit/Copy";
import { Empty, Failure, Skeleton } from "../../kit/Feedback";
import { plain } from "../../kit/format";
import { pathOf } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { audit } from "./queries";

const COLUMNS: ColumnDef<AuditEntry>[] = [
  { key: "seq", head: "#", cell: (row) => <span className="faint">{row.seq}</span> },
  { key: "at", head: "When", cell: (row) => <Ago at={row.at} /> },
  { key: "actor", head: "Who", cell: (row) => row.actor },
  { key: "action", head: "Did", cell: (row) => <code>{row.action}</code> },
  { key: "subject", head: "To", cell: (row) => <Subject of={row.subject} /> },
  { key: "detail", head: "Detail", cell: (row) => <span className="muted" title={plain(row.detail)}>{plain(row.detail)}</span>, fill: true, wideOnly: true },
  { key: "hash", head: "Hash", cell: (row) => <Id value={row.hash} length={8} />, wideOnly: true },
];

/** `release:rel_1` as a way to the release. */
function Subject({ of }: { of: string }): ReactNode {
  const colon = of.indexOf(":");
  const path = colon < 0 ? null : pathOf(of.slice(0, colon), of.slice(colon + 1));
  return path === null ? of : <Link className="link" to={path}>{of}</Link>;
}

export default function AuditPage(): ReactNode {
  const query = useInfiniteQuery(audit());
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title="Audit" meta={<span>Every change and who made it. Each entry's hash covers the one before, so that none can be taken out unseen.</span>}>
      <Panel flush>
        {query.isPending && <div className="panel-body"><Skeleton lines={10} /></div>}
        {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && rows.length === 0 && <Empty title="No change was made yet" command="pitcrew apply">The first change you make is the first entry.</Empty>}
        {rows.length > 0 && <Table label="Audit trail" columns={COLUMNS} rows={rows} rowKey={(row) => String(row.seq)} />}
        {query.hasNextPage && <div className="table-foot"><Button onClick={() => void query.fetchNextPage()}>Show more</Button></div>}
      </Panel>
    </Page>
  );
}
