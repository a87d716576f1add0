import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { openapiDocument } from "./openapi-document.ts";

it("is what openapi.gen.json holds; run `npm run openapi` here after a change", async () => {
  const written = await readFile(new URL("../openapi.gen.json", import.meta.url), "utf8");
  expect(await openapiDocument()).toBe(written);
});

it("describes /v1 and nothing else", async () => {
  const document: { paths: Record<string, unknown> } = JSON.parse(await openapiDocument());
  expect(Object.keys(document.paths).sort()).toEqual([
    "/v1/aggregates",
    "/v1/aggregates/{aggregate}",
    "/v1/audit",
    "/v1/bus/parked",
    "/v1/bus/parked/{id}",
    "/v1/bus/parked/{id}/send-again",
    "/v1/events",
    "/v1/hosts",
    "/v1/hosts/{host}",
    "/v1/hosts/{host}/migration-preflight",
    "/v1/migrations",
    "/v1/migrations/{migration}",
    "/v1/migrations/{migration}/abort",
    "/v1/migrations/{migration}/events",
    "/v1/migrations/{migration}/force-complete",
    "/v1/migrations/{migration}/priority",
    "/v1/migrations/{migration}/progress-history",
    "/v1/migrations/{migration}/resume",
    "/v1/migrations/{migration}/tune",
    "/v1/server-groups",
    "/v1/server-groups/{group}",
    "/v1/servers",
    "/v1/servers/{server}",
    "/v1/servers/{server}/migration-preflight",
    "/v1/servers/{server}/migrations",
    "/v1/tokens",
    "/v1/tokens/{id}",
    "/v1/webhooks",
    "/v1/webhooks/{webhook}",
    "/v1/webhooks/{webhook}/test",
  ]);
});
