import { defineConfig } from "vitest/config";

// The gateway of `keepwarm up --stay`, for `npm run dev`.
const gateway = "http://127.0.0.1:18500";
const proxied = Object.fromEntries(
  ["/v1", "/local", "/hood/", "/config.json"].map((path) => [path, gateway]),
);

export default defineConfig({
  build: { target: "es2022", modulePreload: { polyfill: false }, manifest: true },
  server: { host: "127.0.0.1", proxy: proxied },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
