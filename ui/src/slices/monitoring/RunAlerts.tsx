import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { RunAlert } from "../../api/tracking";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { Inline } from "../../kit/Inline";
import { paths } from "../../kit/links";
import { Panel } from "../../kit/Page";
import { type ColumnDef, Table } from "../../kit/Table";
import { Ago } from "../../kit/Time";
import { RULE_EXAMPLE, runAlerts } from "../tracking/runAlerts";

/** Rows before one asks for the others. */
const ROWS = 20;

const COLUMNS: ColumnDef<RunAlert>[] = [
  { key: "run", head: "Run", cell: (row) => row.run || row.run_id.slice(0, 8) },
  { key: "rule", head: "Rule", cell: (row) => row.rule, sort: (row) => row.rule, wideOnly: true },
  { key: "what", head: "Said", cell: (row) => <Said alert={row} />, fill: true },
  { key: "at", head: "Fired", cell: (row) => <Ago at={row.at} />, align: "end", sort: (row) => row.at, wideOnly: true },
];

function Said({ alert: { what, untold } }: { alert: RunAlert }): ReactNode {
  return <span title={untold === null ? what : `${what}. A webhook was not told: ${untold}`}><Inline text={what} />{untold !== null && <span className="muted">. A webhook was not told: <Inline text={untold} /></span>}</span>;
}

/** The newest alerts about runs; where there is none, the lines that make a rule. */
export function RunAlerts(): ReactNode {
  const query = useQuery(runAlerts());
  return (
    <Panel title="About runs" flush>
      <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={3} /></div>}>
        {(list) => (list.length === 0
          ? <Empty title="No rule about runs has fired" example={RULE_EXAMPLE} command="pitcrew apply">A rule looks at every run of an experiment, whoever logs it: a metric beyond a bound or not a number, or with <code>no_progress: 30m</code> a run that logs nothing any more.</Empty>
          : <Table label="Alerts about runs" columns={COLUMNS} rows={list} first={ROWS} rowKey={(row) => `${row.run_id} ${row.rule} ${row.at}`} rowTo={(row) => paths.run(row.run_id)} />)}
      </Loaded>
    </Panel>
  );
}
