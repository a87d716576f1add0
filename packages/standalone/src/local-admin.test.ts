import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseToken, silentLogger, systemClock } from "@drover/model";
import { openSqliteStore, type Store } from "@drover/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureLocalAdmin } from "./local-admin.ts";

let dataDir: string;
let store: Store;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "drover-"));
  store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true });
});

const path = () => join(dataDir, "local-admin.token");
async function start(): Promise<string> {
  await ensureLocalAdmin({ dataDir, store, clock: systemClock });
  return (await readFile(path(), "utf8")).trim();
}

it("makes a token for this machine at the first start, which its owner alone can read, and keeps it", async () => {
  const text = await start();
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  expect(await store.tokens.list()).toMatchObject([
    { id: parseToken(text)?.id, name: "admin", role: "admin", networks: ["127.0.0.0/8", "::1/128"] },
  ]);
  expect(await start()).toBe(text);
  expect(await store.tokens.list()).toHaveLength(1);
});

it("replaces one that was revoked, or that the database does not know", async () => {
  const text = await start();
  await store.tokens.revoke(parseToken(text)?.id ?? "", "olga");
  const next = await start();
  expect(next).not.toBe(text);
  await store.close();
  store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  expect(await start()).not.toBe(next);
});
