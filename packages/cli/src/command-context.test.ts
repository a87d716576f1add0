import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localAdminToken } from "./local-admin-token.ts";
import { runCli } from "./run-cli.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { openScriptedApi, type ScriptedApi } from "./testing/scripted-api.ts";

let folder: string;
let api: ScriptedApi;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-context-"));
  api = await openScriptedApi({ "GET /v1/hosts": { body: { hosts: [] } } });
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

async function sent(options: string[], env: Record<string, string>): Promise<string | undefined> {
  await runCli(["host", "list", ...options], capturedIo({ DROVER_URL: api.url, DROVER_DATA_DIR: folder, ...env }));
  return api.authorizations.at(-1);
}

test("--token goes before DROVER_TOKEN, and that before the local administrator's", async () => {
  expect(await sent([], {})).toBeUndefined();
  await writeFile(join(folder, "local-admin.token"), "drv_local\n");
  expect(await sent([], {})).toBe("Bearer drv_local");
  expect(await sent([], { DROVER_TOKEN: "drv_environment" })).toBe("Bearer drv_environment");
  expect(await sent(["--token", "drv_option"], { DROVER_TOKEN: "drv_environment" })).toBe("Bearer drv_option");
});

test("the local administrator's token goes to no other machine", async () => {
  await writeFile(join(folder, "local-admin.token"), "drv_local\n");
  const env = { DROVER_DATA_DIR: folder };
  for (const url of ["http://localhost:1", "http://127.0.0.9", "http://[::1]:8774"]) {
    expect(localAdminToken(url, env)).toBe("drv_local");
  }
  for (const url of [
    "http://10.0.0.1:8774",
    "http://127.0.0.1.example.org",
    "https://localhost.example.org",
    "nonsense",
  ]) {
    expect(localAdminToken(url, env)).toBeUndefined();
  }
});
