import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router-dom";
import { ApiError } from "./api/problem";
import { router } from "./app/router";
import "./kit/tokens.css";
import "./kit/base.css";
import "./kit/kit.css";
import "./kit/float.css";
import "./app/shell.css";
import { LiveProvider } from "./live/LiveProvider";

/** An answer that says "no" says it again; only lost connections and broken servers are asked once more. */
const RETRIES = 1;
const retry = (failures: number, error: unknown): boolean =>
  failures < RETRIES && !(error instanceof ApiError && error.status >= 400 && error.status < 500);

const client = new QueryClient({
  defaultOptions: { queries: { staleTime: 5000, retry, retryDelay: 600, refetchOnWindowFocus: true } },
});

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <LiveProvider><RouterProvider router={router} /></LiveProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
