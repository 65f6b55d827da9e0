import react from "@vitejs/plugin-react";
import type { ProxyOptions } from "vite";
import { defineConfig } from "vitest/config";

/** The server that answers the API while developing: a running `pitcrew up`, or the mock (`npm run mock`). */
const backend = process.env["PITCREW_URL"] ?? "http://127.0.0.1:7070";

/** Passes the head of an event stream on at once; by itself the proxy waits for the first event, and the page for the head. */
const streams: ProxyOptions["configure"] = (proxy) => {
  proxy.on("proxyRes", (_, __, response) => setImmediate(() => response.flushHeaders()));
};

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", port: 5173, proxy: { "/api": { target: backend, changeOrigin: true, configure: streams } } },
  build: {
    target: "es2022",
    // Inlined files would be `data:` addresses, which the content security policy allows for images only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], restoreMocks: true },
});
