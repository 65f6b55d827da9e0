import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router-dom";
import type { CheckReport } from "../../api/data";
import { CauseText } from "../../kit/Cause";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago } from "../../kit/Time";
import { Checks } from "./Checks";
import { checkReports, reportedAt } from "./queries";

export default function CheckReportsPage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(checkReports(name));
  return (
    <Page title="Check reports" crumbs={[{ label: "Data", to: paths.data() }, { label: name, to: paths.dataset(name) }]} meta={<span>What the gate of {name} saw, newest first. Refused data is not stored; its report is.</span>}>
      <Loaded query={query} skeleton={<Skeleton height={220} />}>
        {(list) => (list.length === 0
          ? <Panel><Empty title="No report is kept">A report is kept when data was refused.</Empty></Panel>
          : list.map((report) => <Report key={report.id ?? reportedAt(report)} report={report} />))}
      </Loaded>
    </Page>
  );
}

function Report({ report }: { report: CheckReport }): ReactNode {
  const failed = report.checks.some((check) => check.status === "fail");
  const at = reportedAt(report);
  return (
    <Panel title={<><State of={report.gate ?? (failed ? "failed" : "passed")} />{report.rows !== undefined && <span className="faint">{count(report.rows)} rows</span>}</>}
      aside={<>{report.cause !== undefined && <CauseText cause={report.cause} />}{at !== "" && <Ago at={at} />}</>} flush>
      <Checks checks={report.checks} />
    </Panel>
  );
}
