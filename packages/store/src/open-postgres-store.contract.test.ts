import { type Logger, silentLogger, systemClock } from "@drover/model";
import { type Postgres, startPostgres } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { log, newMigration } from "./contract/samples.ts";
import { storeContract } from "./contract/store-contract.ts";
import { openPostgresStore } from "./open-postgres-store.ts";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.remove();
});

storeContract("PostgreSQL", async () => {
  const url = await postgres.createDatabase();
  return {
    open: (clock) => openPostgresStore({ url, poolSize: 4, clock, logger: silentLogger }),
    remove: () => dropDatabase(url),
  };
});

describe("a PostgreSQL database", () => {
  const soon = { timeout: 20_000, interval: 50 };

  it("that is away at the start is waited for, and meanwhile everything says unavailable", async () => {
    const url = await postgres.createDatabase();
    await postgres.stop();
    const lines: string[] = [];
    const store = await openPostgresStore({ url, clock: systemClock, logger: linesInto(lines) });
    try {
      await expect(store.ping()).rejects.toMatchObject({ code: "unavailable" });
      await expect(store.migrations.list({})).rejects.toMatchObject({ code: "unavailable" });
      await postgres.start();
      await vi.waitFor(() => store.ping(), soon);
      expect((await store.migrations.create(newMigration(), log)).id).toBe(1);
      expect(lines.join("\n")).toContain("database is away, waiting for it");
      expect(lines.join("\n")).toContain("database is there");
      expect(lines.join("\n")).not.toContain(new URL(url).password);
    } finally {
      await postgres.start();
      await store.close();
      await dropDatabase(url);
    }
  });

  it("that crashes is found again, with its records", async () => {
    const url = await postgres.createDatabase();
    const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    try {
      const migration = await store.migrations.create(newMigration(), log);
      await postgres.kill9();
      await expect(store.migrations.get(migration.uuid)).rejects.toMatchObject({ code: "unavailable" });
      const error = await store.ping().catch((reason: unknown) => reason);
      expect(String(error)).not.toContain(new URL(url).password);
      await postgres.start();
      await vi.waitFor(() => store.ping(), soon);
      expect(await store.migrations.get(migration.uuid)).toEqual(migration);
    } finally {
      await postgres.start();
      await store.close();
      await dropDatabase(url);
    }
  });

  it("lets a store close that never reached it", async () => {
    const url = "postgres://drover:secret@127.0.0.1:1/nowhere";
    const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    await store.close();
    await expect(store.ping()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("of a newer release is refused", async () => {
    const url = await postgres.createDatabase();
    const open = () => openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    await (await open()).close();
    await postgres.sql("insert into drover_schema values (999, '0999-from-tomorrow', 0)", url);
    await expect(open()).rejects.toMatchObject({ code: "refused", details: { schemaNumber: 999 } });
    await dropDatabase(url);
  });

  it("that turns out to be of a newer release once it is reached stays refused", async () => {
    const url = await postgres.createDatabase();
    await (await openPostgresStore({ url, clock: systemClock, logger: silentLogger })).close();
    await postgres.sql("insert into drover_schema values (999, '0999-from-tomorrow', 0)", url);
    await postgres.stop();
    const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    try {
      await postgres.start();
      await vi.waitFor(() => expect(store.ping()).rejects.toMatchObject({ code: "refused" }), soon);
    } finally {
      await postgres.start();
      await store.close();
      await dropDatabase(url);
    }
  });

  it("with a URL that is none is refused without repeating it", async () => {
    const url = "postgres://drover:secret@:bad:/x";
    const error = await openPostgresStore({ url, clock: systemClock, logger: silentLogger }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "bad-request" });
    expect(String(error)).not.toContain("secret");
  });
});

async function dropDatabase(url: string): Promise<void> {
  await postgres.sql(`drop database ${new URL(url).pathname.slice(1)} with (force)`);
}

function linesInto(lines: string[]): Logger {
  const write = (fields: object, sentence: string) => {
    lines.push(`${sentence} ${Object.values(fields).map(String).join(" ")}`);
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}
