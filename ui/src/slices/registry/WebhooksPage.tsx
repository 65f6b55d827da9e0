import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../../api/problem";
import type { Webhook } from "../../api/registry";
import { Copy } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { Page, Panel } from "../../kit/Page";
import { Dot, State, Tag } from "../../kit/State";
import { Ago } from "../../kit/Time";
import { webhooks } from "./queries";
import "./registry.css";

const FORBIDDEN = 403;

/** What other programs are told. Read only: a webhook carries a secret, which a client gives and nobody is shown. */
export default function WebhooksPage(): ReactNode {
  const query = useQuery(webhooks());
  const forbidden = query.error instanceof ApiError && query.error.status === FORBIDDEN;
  return (
    <Page title="Webhooks" meta={<span>Other programs that are told when a model, a prompt or an alias changes.</span>}>
      <Panel flush>
        {forbidden ? <Empty title="Webhooks are for administrators">Where this server sends is told to a token with <code>admin</code> access only. Ask somebody who has one.</Empty> : (
          <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={4} /></div>}>
            {(list) => (list.length === 0 ? <Empty title="Nobody is told anything yet">A webhook is made by an MLflow client, see below.</Empty> : <ul className="hooks">{list.map((hook) => <Hook key={hook.id} hook={hook} />)}</ul>)}
          </Loaded>
        )}
      </Panel>
      <HowTo />
    </Page>
  );
}

function Hook({ hook }: { hook: Webhook }): ReactNode {
  return (
    <li>
      <div className="row wrap hook-name"><b className="truncate">{hook.name}</b><State of={hook.active ? "ok" : "idle"} label={hook.active ? "active" : "switched off"} /></div>
      <code className="hook-target">{hook.target}</code>
      <span className="row tight wrap">{hook.topics.map((topic) => <Tag key={topic}>{topic}</Tag>)}</span>
      {hook.description !== "" && <p className="muted small hook-said">{hook.description}</p>}
      {hook.last_failure === null
        ? <p className="faint small hook-last">No delivery has failed</p>
        : <p className="small hook-last failed"><Dot tone="warn" /> <span>Last failure <Ago at={hook.last_failure.at} />: {hook.last_failure.why}</span></p>}
    </li>
  );
}

const linesFor = (origin: string): string => `import mlflow

mlflow.set_tracking_uri("${origin}")
client = mlflow.MlflowClient()
hook = client.create_webhook(
    "ci", "https://ci.example.com/hooks/models",
    ["model_version_alias.created"], secret="…")
client.test_webhook(hook.webhook_id).success`;

function HowTo(): ReactNode {
  const lines = linesFor(window.location.origin);
  return (
    <Panel title="How to make one">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="example hook-lines"><pre tabIndex={0} aria-label="Lines that make a webhook"><code>{lines}</code></pre><Copy text={`${lines}\n`} label="Copy the lines" /></div>
      <p className="muted small">The same client changes, lists and deletes them. Messages are signed with the secret and sent to public addresses only.</p>
    </Panel>
  );
}
