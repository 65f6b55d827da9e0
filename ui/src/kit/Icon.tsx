import type { ReactNode } from "react";

/** Our own icons: 16 px, one and a half strokes wide, drawn in the current colour. */
const SHAPES = {
  overview: "M5.5 3.5h5a4.5 4.5 0 0 1 0 9h-5a4.5 4.5 0 0 1 0-9z M5.8 8h4.4",
  runs: "M2.5 12.5h11 M3.5 10l3-4 2.6 2.4L13 3.5",
  traces: "M2 3.500h8 M4.500 6.500h7 M4.500 9.500h4 M8 12.500h6",
  webhooks: "M5.5 6.500a3 3 0 1 1 4.800-.400L8.200 9.500 M4.500 8.200a3 3 0 1 0 3 4.300h4 M11.500 9.800a3 3 0 1 1-1 4.300",
  download: "M8 2.500v7.500 M4.500 7l3.5 3.500L11.500 7 M3 13.500h10",
  pipelines: "M2.5 3.5h4v3h-4z M9.5 9.5h4v3h-4z M4.5 6.5v3a1.5 1.5 0 0 0 1.5 1.5h3.5",
  models: "M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9z M2.8 5L8 8l5.2-3 M8 8v6",
  deployments: "M2.5 8H6l4-4.5h3.5 M6 8l4 4.5h3.5 M11.8 1.8l1.7 1.7-1.7 1.7 M11.8 10.8l1.7 1.7-1.7 1.7",
  data: "M2.5 3.5h11v9h-11z M2.5 6.5h11 M6.2 6.5v6",
  monitors: "M1.8 8.5h3l1.7-5 3 9 1.7-4h3",
  alerts: "M4 14V2.5 M4 3.2c3-1.6 5 1.4 8.5 0v5.6c-3.5 1.4-5.5-1.6-8.5 0",
  activity: "M5.5 4h8 M5.5 8h8 M5.5 12h5 M2.5 4h.01 M2.5 8h.01 M2.5 12h.01",
  audit: "M8 1.800l5 1.900v4c0 3.2-2.1 5.3-5 6.5-2.9-1.2-5-3.3-5-6.500v-4z M5.8 8l1.6 1.6 2.9-3.1",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10z M10.7 10.700l3.1 3.1",
  sun: "M8 10.800a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.600z M8 1.500v1.3 M8 13.200v1.3 M1.5 8h1.3 M13.2 8h1.3 M3.4 3.400l.9.9 M11.7 11.700l.9.9 M3.4 12.600l.9-.9 M11.7 4.300l.9-.9",
  moon: "M13.2 9.600A5.6 5.6 0 0 1 6.4 2.800a5.6 5.6 0 1 0 6.8 6.800z",
  system: "M2.5 3h11v7.500h-11z M6 13.500h4",
  menu: "M2.5 4.500h11 M2.5 8h11 M2.5 11.500h11",
  close: "M4 4l8 8 M12 4l-8 8",
  chevron: "M6 3.500L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  up: "M8 13V3.5 M4 7.200l4-4 4 4",
  back: "M6 3L2.5 6.5 6 10 M2.5 6.500h7a4 4 0 0 1 0 8H7",
  check: "M3 8.500l3.2 3.200L13 5",
  copy: "M5.5 5.500h8v8h-8z M10.5 5.500v-3h-8v8h3",
  play: "M5 3l7.5 5L5 13z",
  stop: "M4 4h8v8H4z",
  help: "M8 14.200A6.2 6.2 0 1 0 8 1.800a6.2 6.2 0 0 0 0 12.400z M6.2 6.300a1.9 1.9 0 1 1 2.7 1.700c-.6.3-.9.7-.9 1.3 M8 11.500h.01",
  file: "M4 1.800h5l3 3v9.400H4z M9 1.800v3h3",
  folder: "M2 4h4l1.3 1.500H14v7H2z",
  drift: "M1.8 10.500c2-6 3.6-6 5.2-2.500s3.2 3.5 5-2 M12 2.800l2 3-3.4.4",
  gate: "M3 14V2.5 M13 14V2.5 M3 5h10 M3 9h10",
  canary: "M2.5 8h4l3.5-4h3.5 M6.5 8l3.5 4h3.5",
  flagged: "M4 14V2.5 M4 3h8.500v6H4 M8.2 3v6 M4 6h8.5",
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 16, className }: { name: IconName; size?: number; className?: string }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" className={className}
      fill="none" stroke="currentColor" strokeWidth={1.5} strokeLinecap="round" strokeLinejoin="round">
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** The same drawing inside another SVG. */
export const iconPath = (name: IconName): string => SHAPES[name];

/** The mark: a lap with its pit lane, the kerb in the middle. */
export function Mark({ size = 22 }: { size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" fill="none" strokeWidth={3}>
      <path d="M11 7.500h10a8.5 8.5 0 0 1 0 17H11a8.5 8.5 0 0 1 0-17z" stroke="currentColor" />
      <path d="M10.5 16h3.7 M17.8 16h3.7" stroke="var(--bad-mark)" />
      <path d="M14.2 16h3.6" stroke="currentColor" />
    </svg>
  );
}
