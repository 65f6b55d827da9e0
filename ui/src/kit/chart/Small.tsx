import type { CSSProperties, ReactNode } from "react";
import { count, metric, percent } from "../format";
import { linePath, linear, niceDomain } from "./scale";

/** A line the size of a word. */
export function Spark({ values, width = 96, height = 22, color = "var(--ink-2)", label }: {
  values: number[]; width?: number; height?: number; color?: string; label: string;
}): ReactNode {
  if (values.filter((v) => !Number.isNaN(v)).length < 2) return null;
  const x = linear([0, values.length - 1], [2, width - 3]);
  const y = linear(niceDomain(values, 2), [height - 3, 3]);
  const last = values.at(-1) ?? Number.NaN;
  return (
    <svg width={width} height={height} role="img" aria-label={label}>
      <path d={linePath(values.map((v, i) => [x(i), y(v)]))} fill="none" stroke={color} strokeWidth={1.4} strokeLinejoin="round" />
      {!Number.isNaN(last) && <circle cx={x(values.length - 1)} cy={y(last)} r={2} fill={color} />}
    </svg>
  );
}

/** The distribution of a numeric column. */
export function Histogram({ edges, counts, height = 44, label }: { edges: number[]; counts: number[]; height?: number; label: string }): ReactNode {
  const most = Math.max(1, ...counts);
  const bar = 100 / Math.max(counts.length, 1);
  return (
    <svg className="histogram" viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" height={height} role="img" aria-label={label}>
      {counts.map((n, i) => {
        const tall = n === 0 ? 0 : Math.max(1, (n / most) * (height - 2));
        return (
          // The bars of a histogram have no other name than their place.
          // oxlint-disable-next-line react/no-array-index-key
          <rect key={i} x={i * bar} width={bar * 0.86} y={height - tall} height={tall}>
            <title>{`${metric(edges[i])} to ${metric(edges[i + 1])}: ${count(n)}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

/** The most frequent values of a column that has no order. */
export function TopValues({ top, total }: { top: { value: string; count: number }[]; total: number }): ReactNode {
  return (
    <ul className="top-values">
      {top.slice(0, 4).map((each) => (
        <li key={each.value} style={{ "--part": `${(100 * each.count) / Math.max(total, 1)}%` } as CSSProperties}>
          <span className="truncate">{each.value}</span>
          <span className="faint">{percent(each.count / Math.max(total, 1))}</span>
        </li>
      ))}
    </ul>
  );
}

/** How a value stands to its bound: the bar is the value, the notch the bound. */
export function Bullet({ value, bound, tone, label }: { value: number; bound: number; tone: string; label: string }): ReactNode {
  if (!Number.isFinite(value) || !Number.isFinite(bound)) return null;
  const low = Math.min(0, value, bound);
  const high = Math.max(0, value, bound) * 1.25 || 1;
  const x = linear([low, high], [0, 100]);
  return (
    <svg className={`bullet ${tone}`} viewBox="0 0 100 10" preserveAspectRatio="none" height={10} role="img" aria-label={label}>
      <rect className="bullet-room" x={0} y={3} width={100} height={4} />
      <rect className="bullet-value" x={Math.min(x(0), x(value))} y={3} width={Math.max(0.8, Math.abs(x(value) - x(0)))} height={4} />
      <rect className="bullet-bound" x={x(bound) - 0.5} y={0} width={1} height={10} />
    </svg>
  );
}

export interface Share {
  key: string;
  label: string;
  share: number;
  color: string;
  /** Drawn with the kerb's stripes: this part is on trial. */
  trial?: boolean;
}

/** Shares of one whole, side by side. */
export function SplitBar({ shares, label }: { shares: Share[]; label: string }): ReactNode {
  return (
    <div className="split" role="img" aria-label={label}>
      {shares.filter((s) => s.share > 0).map((s) => (
        <span key={s.key} className={s.trial ? "trial" : ""} style={{ flexGrow: s.share, "--c": s.color } as CSSProperties}>
          {s.share >= 0.12 && <b>{s.label}</b>}
        </span>
      ))}
    </div>
  );
}
