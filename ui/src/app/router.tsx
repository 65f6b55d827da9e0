import type { ComponentType, ReactNode } from "react";
import { createBrowserRouter, useRouteError } from "react-router-dom";
import { Empty, Failure } from "../kit/Feedback";
import { Page } from "../kit/Page";
import { Shell } from "./Shell";

type Module = { default: ComponentType };

/** Every page is a chunk of its own, so that the first view stays small. */
const page = (load: () => Promise<Module>) => async () => ({ Component: (await load()).default });

export const router = createBrowserRouter([
  {
    element: <Shell />,
    errorElement: <Broken />,
    // The server's page is empty until the first chunk is here.
    hydrateFallbackElement: <></>,
    children: [
      {
        errorElement: <Broken />,
        children: [
          { index: true, lazy: page(() => import("../slices/overview/OverviewPage")) },
          { path: "runs", lazy: page(() => import("../slices/tracking/RunsPage")) },
          { path: "runs/compare", lazy: page(() => import("../slices/tracking/compare/ComparePage")) },
          { path: "runs/:id", lazy: page(() => import("../slices/tracking/RunPage")) },
          { path: "traces", lazy: page(() => import("../slices/traces/TracesPage")) },
          { path: "traces/:id", lazy: page(() => import("../slices/traces/TracePage")) },
          { path: "pipelines", lazy: page(() => import("../slices/pipelines/PipelinesPage")) },
          { path: "pipelines/:name", lazy: page(() => import("../slices/pipelines/PipelinePage")) },
          { path: "pipeline-runs/:id", lazy: page(() => import("../slices/pipelines/PipelineRunPage")) },
          { path: "models", lazy: page(() => import("../slices/registry/ModelsPage")) },
          { path: "models/:name", lazy: page(() => import("../slices/registry/ModelPage")) },
          { path: "models/:name/compare", lazy: page(() => import("../slices/registry/ComparePage")) },
          { path: "models/:name/versions/:version/card", lazy: page(() => import("../slices/registry/ModelCardPage")) },
          { path: "models/:name/versions/:version", lazy: page(() => import("../slices/registry/ModelVersionPage")) },
          { path: "gate-decisions/:id", lazy: page(() => import("../slices/registry/GateDecisionPage")) },
          { path: "deployments", lazy: page(() => import("../slices/serving/DeploymentsPage")) },
          { path: "deployments/:name", lazy: page(() => import("../slices/serving/DeploymentPage")) },
          { path: "releases/:id", lazy: page(() => import("../slices/serving/ReleasePage")) },
          { path: "data", lazy: page(() => import("../slices/data/DatasetsPage")) },
          { path: "data/:name", lazy: page(() => import("../slices/data/DatasetPage")) },
          { path: "data/:name/versions/:version", lazy: page(() => import("../slices/data/DatasetVersionPage")) },
          { path: "data/:name/check-reports", lazy: page(() => import("../slices/data/CheckReportsPage")) },
          { path: "monitors", lazy: page(() => import("../slices/monitoring/MonitorsPage")) },
          { path: "monitors/:name", lazy: page(() => import("../slices/monitoring/MonitorPage")) },
          { path: "alerts", lazy: page(() => import("../slices/monitoring/AlertsPage")) },
          { path: "alerts/:id", lazy: page(() => import("../slices/monitoring/AlertPage")) },
          { path: "activity", lazy: page(() => import("../slices/activity/ActivityPage")) },
          { path: "audit", lazy: page(() => import("../slices/activity/AuditPage")) },
          { path: "webhooks", lazy: page(() => import("../slices/registry/WebhooksPage")) },
          { path: "*", element: <Lost /> },
        ],
      },
    ],
  },
]);

function Broken(): ReactNode {
  const error = useRouteError();
  return <Page title="Something broke"><Failure error={error} retry={() => window.location.reload()} /></Page>;
}

function Lost(): ReactNode {
  return (
    <Page title="No such page">
      <Empty title="Nothing stands at this address">Press <kbd>Ctrl K</kbd> to search for it, or <kbd>g</kbd> <kbd>o</kbd> for the overview.</Empty>
    </Page>
  );
}
