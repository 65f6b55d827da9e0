import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Arm } from "../../api/serving";
import { compact, micros, percent } from "../../kit/format";
import { paths } from "../../kit/links";
import { type Share, SplitBar } from "../../kit/chart/Small";
import "./serving.css";

export const armColour = (arm: string): string => (arm === "candidate" ? "var(--candidate)" : "var(--champion)");

/** The traffic split of a deployment; the candidate's part bears the kerb's stripes. */
export function Split({ arms, model }: { arms: Arm[]; model: string }): ReactNode {
  const shares: Share[] = arms.map((arm) => ({
    key: arm.arm, label: `${arm.arm} ${percent(arm.share)}`, share: arm.share, color: armColour(arm.arm), trial: arm.arm === "candidate",
  }));
  return <SplitBar shares={shares} label={`Traffic of ${model}: ${arms.map((arm) => `${arm.arm}, version ${arm.version}, ${percent(arm.share)}`).join("; ")}`} />;
}

export function ArmTable({ arms, model }: { arms: Arm[]; model: string }): ReactNode {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" role="region" aria-label={`Arms of ${model}`} tabIndex={0}>
      <table className="arms">
        <thead>
          <tr><th scope="col">Arm</th><th scope="col">Version</th><th scope="col" className="num">Share</th><th scope="col" className="num">Requests</th><th scope="col" className="num hide-phone">Unseen</th><th scope="col" className="num">Failures</th><th scope="col" className="num">p50</th><th scope="col" className="num hide-phone">p95</th><th scope="col" className="num">p99</th></tr>
        </thead>
        <tbody>
          {arms.map((arm) => (
            <tr key={arm.arm}>
              <td><span className="arm-name"><i className="swatch" style={{ background: armColour(arm.arm) }} />{arm.arm}</span></td>
              <td><Link className="link" to={paths.modelVersion(model, arm.version)}>{model}/{arm.version}</Link></td>
              <td className="num">{percent(arm.share)}</td>
              <td className="num">{compact(arm.requests)}</td>
              <td className="num hide-phone">{compact(arm.unseen)}</td>
              <td className="num">{compact(arm.failures)}</td>
              <td className="num">{micros(arm.latency?.p50_us)}</td>
              <td className="num hide-phone">{micros(arm.latency?.p95_us)}</td>
              <td className="num">{micros(arm.latency?.p99_us)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
