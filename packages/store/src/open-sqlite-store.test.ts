import { chmod, mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLogger, systemClock } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { log, newMigration } from "./contract/samples.ts";
import { storeContract } from "./contract/store-contract.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";

storeContract("SQLite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drover-store-"));
  return {
    open: (clock) => openSqliteStore({ path: join(folder, "drover.db"), clock, logger: silentLogger }),
    run: async (statement) => {
      using file = new DatabaseSync(join(folder, "drover.db"));
      file.exec(statement);
    },
    remove: () => rm(folder, { recursive: true }),
  };
});

describe("a database file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "drover-store-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const open = (path: string) => openSqliteStore({ path, clock: systemClock, logger: silentLogger });

  it("is its owner's alone, and gives its records back after a restart", async () => {
    const path = join(folder, "new", "drover.db");
    const before = await open(path);
    const migration = await before.migrations.create(newMigration(), log);
    const files = await Promise.all(["", "-wal", "-shm"].map((end) => stat(path + end)));
    expect(files.map(({ mode }) => mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
    await before.close();
    await chmod(path, 0o644);
    const after = await open(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await after.migrations.get(migration.uuid)).toEqual(migration);
    await after.close();
  });

  it("of a newer release is refused and left as it is", async () => {
    const path = join(folder, "drover.db");
    await (await open(path)).close();
    const raw = new DatabaseSync(path);
    raw.exec("insert into drover_schema values (999, '0999-from-tomorrow', 0)");
    raw.close();
    await expect(open(path)).rejects.toMatchObject({ code: "refused", details: { schemaNumber: 999 } });
  });

  it("that cannot be opened is named", async () => {
    await writeFile(join(folder, "file"), "");
    const path = join(folder, "file", "drover.db");
    await expect(open(path)).rejects.toThrow(path);
  });

  it("that is garbage, or cut off, is named with a remedy", async () => {
    const garbage = join(folder, "garbage.db");
    await writeFile(garbage, "this is no database ".repeat(1000));
    const cut = join(folder, "cut.db");
    await (await open(cut)).close();
    await truncate(cut, 6000);
    for (const path of [garbage, cut]) {
      await expect(open(path)).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining(`${path} is damaged or no database; put back a backup`),
      });
    }
  });

  it("may be no file at all", async () => {
    const store = await open(":memory:");
    await store.ping();
    await store.close();
  });
});
