import type { ReactNode } from "react";

/** The box that follows the pointer over a chart. It never leaves the chart: past the middle it stands on the other side. */
export function Tip({ x, y, width, children }: { x: number; y: number; width: number; children: ReactNode }): ReactNode {
  const left = x < width / 2;
  const style = left ? { left: x + 14, top: y } : { right: width - x + 14, top: y };
  return <div className="tip" style={style}>{children}</div>;
}

export function TipRow({ color, label, value }: { color?: string; label: string; value: string }): ReactNode {
  return (
    <p className="tip-row">
      <span>{color !== undefined && <i style={{ background: color }} />}{label}</span>
      <b>{value}</b>
    </p>
  );
}
