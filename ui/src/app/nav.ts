import type { IconName } from "../kit/Icon";
import { paths } from "../kit/links";

export interface NavItem {
  label: string;
  to: string;
  icon: IconName;
  /** The second key after `g`. */
  key: string;
  /** Other addresses that belong to this place. */
  also?: string[];
}

/** The places, in the order of the lap; then what watches over it. */
export const NAV: NavItem[][] = [
  [{ label: "Overview", to: paths.overview(), icon: "overview", key: "o" }],
  [
    { label: "Data", to: paths.data(), icon: "data", key: "d" },
    { label: "Pipelines", to: paths.pipelines(), icon: "pipelines", key: "p", also: ["/pipeline-runs"] },
    { label: "Runs", to: paths.runs(), icon: "runs", key: "r" },
    { label: "Traces", to: paths.traces(), icon: "traces", key: "t" },
    { label: "Models", to: paths.models(), icon: "models", key: "m", also: ["/gate-decisions"] },
    { label: "Deployments", to: paths.deployments(), icon: "deployments", key: "s", also: ["/releases"] },
    { label: "Monitors", to: paths.monitors(), icon: "monitors", key: "w" },
    { label: "Alerts", to: paths.alerts(), icon: "alerts", key: "a" },
  ],
  [
    { label: "Activity", to: paths.activity(), icon: "activity", key: "f" },
    { label: "Audit", to: paths.audit(), icon: "audit", key: "u" },
    { label: "Webhooks", to: paths.webhooks(), icon: "webhooks", key: "h" },
  ],
];

export const PLACES: NavItem[] = NAV.flat();

/** Whether an address belongs to a place. */
export function isIn(item: NavItem, pathname: string): boolean {
  if (item.to === "/") return pathname === "/";
  return [item.to, ...(item.also ?? [])].some((root) => pathname === root || pathname.startsWith(`${root}/`));
}
