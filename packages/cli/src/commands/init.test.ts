import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseToken, silentLogger, systemClock } from "@drover/model";
import { openSqliteStore } from "@drover/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { runCli } from "../run-cli.ts";
import { capturedIo } from "../testing/captured-io.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-init-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function init(...options: string[]) {
  const io = capturedIo({ DROVER_DATA_DIR: folder, DROVER_STORE_DRIVER: "sqlite" });
  const code = await runCli(["init", ...options], io);
  return { code, out: io.out(), err: io.err() };
}

async function listed() {
  const path = join(folder, "drover.sqlite");
  const store = await openSqliteStore({ path, clock: systemClock, logger: silentLogger });
  const tokens = await store.tokens.list();
  await store.close();
  return tokens;
}

test("the first administrator's token is alone on standard output, and its secret nowhere else", async () => {
  const { code, out, err } = await init("--name", "olga");
  expect(code).toBe(EXIT.ok);
  const parsed = parseToken(out.trim());
  expect(err).toContain(`token ${parsed?.id}`);
  expect(err).not.toContain(parsed?.secret);
  expect(await listed()).toMatchObject([{ id: parsed?.id, name: "olga", role: "admin", expiresAt: null }]);
});

test("a second one is refused while the first is in force, unless it is lost", async () => {
  const { out } = await init("--json");
  const { id } = JSON.parse(out);
  const again = await init();
  expect(again).toMatchObject({ code: EXIT.refused, out: "", err: expect.stringContaining("drover token create") });
  expect((await init("--force")).code).toBe(EXIT.ok);
  const ids = (await listed()).map((token) => token.id);
  expect(ids).toHaveLength(2);
  expect(ids).toContain(id);
});

test("a wrong configuration is named", async () => {
  const io = capturedIo({ DROVER_STORE_DRIVER: "mysql" });
  expect(await runCli(["init"], io)).toBe(EXIT.error);
  expect(io.err()).toContain("DROVER_STORE_DRIVER");
});
