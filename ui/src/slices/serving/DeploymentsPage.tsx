import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { EXAMPLES } from "../../kit/examples";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { ArmTable, Split } from "./Arms";
import { deployments, releases } from "./queries";
import { ReleaseTable } from "./ReleaseTable";

export default function DeploymentsPage(): ReactNode {
  const query = useQuery(deployments());
  const releaseList = useQuery(releases());
  return (
    <Page title="Deployments" meta={<span>What answers predictions now, and which version each share goes to.</span>}>
      <Loaded query={query} skeleton={<div className="card-grid"><Skeleton height={190} /><Skeleton height={190} /></div>}>
        {(list) => (list.length === 0
          ? <Panel><Empty title="Nothing is deployed" example={EXAMPLES.deployments} command="pitcrew apply">A deployment names a model and the alias it follows, in <code>pitcrew.yaml</code>:</Empty></Panel>
          : (
            <div className="card-grid">
              {list.map((each) => (
                <Panel key={each.name} title={<><Link to={paths.deployment(each.name)} data-row-link="">{each.name}</Link><State of={each.state} /></>} aside={<span>follows {each.model}@{each.alias}</span>}>
                  {each.arms.length === 0 ? <Empty title="The alias names no version yet" command="pitcrew run train" /> : <div className="stack"><Split arms={each.arms} model={each.model} /><ArmTable arms={each.arms} model={each.model} /></div>}
                </Panel>
              ))}
            </div>
          ))}
      </Loaded>
      <Panel title="Releases" flush><Loaded query={releaseList}>{(list) => <ReleaseTable releases={list} />}</Loaded></Panel>
    </Page>
  );
}
