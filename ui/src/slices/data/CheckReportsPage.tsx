import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router-dom";
import type { CheckReport } from "../../api/data";
import { CauseText, RefLink } from "../../kit/Cause";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { count } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago } from "../../kit/Time";
import { Checks } from "./Checks";
import { checkReports } from "./queries";

export default function CheckReportsPage(): ReactNode {
  const { name = "" } = useParams();
  const query = useQuery(checkReports(name));
  return (
    <Page title="Check reports" crumbs={[{ label: "Data", to: paths.data() }, { label: name, to: paths.dataset(name) }]} meta={<span>What the gate of {name} saw, newest first. Refused data is not stored; its report is.</span>}>
      <Loaded query={query} skeleton={<Skeleton height={220} />}>
        {(list) => (list.length === 0
          ? <Panel><Empty title="No report is kept" command={`pitcrew data add ${name}`}>Every reading of the source leaves a report, and a refusal keeps the rows that show the trouble.</Empty></Panel>
          : list.map((report) => <Report key={report.id} report={report} />))}
      </Loaded>
    </Page>
  );
}

function Report({ report }: { report: CheckReport }): ReactNode {
  const passed = report.checks.filter((check) => check.status === "pass").length;
  const clean = passed === report.checks.length;
  return (
    <Panel title={<><State of={report.gate} />{report.version !== null && <RefLink kind="dataset_version" id={`${report.dataset}@${report.version}`} />}<span className="faint">{count(report.rows)} rows{clean && `, all ${passed} checks`}</span></>}
      aside={<><CauseText cause={report.cause} /><span className="hide-phone">{report.actor}</span><Ago at={report.at} /></>} flush>
      {clean ? null : <Checks checks={report.checks} onlyTrouble={report.gate === "passed"} />}
    </Panel>
  );
}
