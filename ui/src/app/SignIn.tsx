import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { writeToken } from "../api/token";
import { Button } from "../kit/Button";
import { Mark } from "../kit/Icon";

/** Asks for the bearer token of a server that requires one. It is kept for this tab only. */
export function SignIn(): ReactNode {
  const client = useQueryClient();
  const [token, setToken] = useState("");
  const enter = () => {
    writeToken(token.trim() === "" ? null : token.trim());
    void client.resetQueries();
  };
  return (
    <main className="sign-in">
      <form className="stack" onSubmit={(event) => { event.preventDefault(); enter(); }}>
        <Mark size={34} />
        <h1>This server asks who you are</h1>
        <p className="muted">Paste a token that begins with <code>pc_</code>. Whoever administers the server can make one. It is kept until you close this tab.</p>
        <label className="field"><span>Token</span>
          <input type="password" value={token} onChange={(event) => setToken(event.target.value)} autoComplete="current-password" spellCheck={false} />
        </label>
        <Button type="submit" kind="primary">Continue</Button>
      </form>
    </main>
  );
}
