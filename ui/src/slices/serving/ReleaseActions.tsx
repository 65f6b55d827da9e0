import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Release } from "../../api/serving";
import { Button } from "../../kit/Button";
import { Confirm } from "../../kit/Dialog";
import { endRelease } from "./queries";

/** Promote or abort a release that is under way; both ask first. */
export function ReleaseActions({ release }: { release: Release }): ReactNode {
  const [asking, setAsking] = useState<"promote" | "abort" | null>(null);
  const client = useQueryClient();
  if (release.state !== "running") return null;
  const candidate = `${release.model}/${release.candidate}`;
  const champion = release.champion === null ? "nothing" : `${release.model}/${release.champion}`;
  const end = async (reason: string) => {
    if (asking === null) return;
    await endRelease(release.id, asking, reason);
    await client.invalidateQueries();
  };
  return (
    <>
      <Button kind="danger" icon="back" onClick={() => setAsking("abort")}>Abort</Button>
      <Button kind="primary" icon="up" onClick={() => setAsking("promote")}>Promote now</Button>
      {asking === "promote" && (
        <Confirm title={`Promote ${candidate} now?`} action={`Promote ${candidate}`} onConfirm={end} onClose={() => setAsking(null)}>
          All traffic of <b>{release.deployment}</b> goes to {candidate} at once, before the judge has decided. {champion} stays loaded for a way back.
        </Confirm>
      )}
      {asking === "abort" && (
        <Confirm title={`Abort the release of ${candidate}?`} action="Abort the release" danger onConfirm={end} onClose={() => setAsking(null)}>
          All traffic of <b>{release.deployment}</b> goes back to {champion}. The evidence so far is kept.
        </Confirm>
      )}
    </>
  );
}
