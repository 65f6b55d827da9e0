import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router-dom";
import type { AliasMove } from "../../api/registry";
import { Button } from "../../kit/Button";
import { CauseText } from "../../kit/Cause";
import { Confirm } from "../../kit/Dialog";
import { Empty } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Ago } from "../../kit/Time";
import { AliasTag } from "./Aliases";
import { latestMoves } from "./moves";
import { pointAlias, removeAlias } from "./queries";
import "./registry.css";

interface HistoryProps {
  moves: AliasMove[];
  model: string;
  /** Versions that are still there: an alias can go back to no other. */
  versions: number[];
}

/** Who promoted what, and why, the newest first. The last move of each alias can be undone, which is a move of its own. */
export function History({ moves, model, versions }: HistoryProps): ReactNode {
  const [undoing, setUndoing] = useState<AliasMove | null>(null);
  if (moves.length === 0) return <Empty title="No alias has moved yet" command={`client.set_registered_model_alias("${model}", "champion", "1")`}>An alias is a name that deployments follow. The gate and releases move them, and so can people.</Empty>;
  const latest = latestMoves(moves);
  return (
    <>
      <ol className="moves-line">
        {moves.map((move) => (
          <li key={`${move.alias} ${move.at} ${String(move.from)} ${String(move.to)}`} className={move.alias}>
            <div className="row spread">
              <span className="row tight wrap"><AliasTag alias={move.alias} /><span className="moves"><Step version={move.from} model={model} /><span aria-label="to" className="faint">→</span><Step version={move.to} model={model} /></span></span>
              {latest.has(move) && (move.from === null || versions.includes(move.from)) && <Button kind="ghost" icon="back" className="undo" onClick={() => setUndoing(move)}>Undo</Button>}
            </div>
            {move.reason && <p className="why">{move.reason}</p>}
            <p className="faint small"><b>{move.actor}</b>, <Ago at={move.at} />{move.cause !== null && <>, because of <CauseText cause={move.cause} brief={Boolean(move.reason)} /></>}</p>
          </li>
        ))}
      </ol>
      {undoing !== null && <Undo move={undoing} model={model} onClose={() => setUndoing(null)} />}
    </>
  );
}

function Step({ version, model }: { version: number | null; model: string }): ReactNode {
  return version === null ? <span className="faint">none</span> : <Link className="link" to={paths.modelVersion(model, version)}>{model}/{version}</Link>;
}

function Undo({ move, model, onClose }: { move: AliasMove; model: string; onClose: () => void }): ReactNode {
  const client = useQueryClient();
  const { from, alias } = move;
  const undo = async (reason: string) => {
    if (from === null) await removeAlias(model, alias);
    else await pointAlias(model, alias, from, reason || `undid the move from ${from} to ${move.to ?? "none"}`);
    await client.invalidateQueries();
  };
  return (
    <Confirm title={from === null ? `Remove @${alias}?` : `Point @${alias} back to ${model}/${from}?`} action={from === null ? `Remove @${alias}` : "Point it back"} danger={from === null} reason={from !== null} onConfirm={undo} onClose={onClose}>
      {from === null ? "Before its last move it named nothing. Deployments that follow it have no version then." : <>Deployments that follow <b>@{alias}</b> begin a release of {model}/{from}. Nothing is deleted, and this can be undone in turn.</>}
    </Confirm>
  );
}
