import { type Clock, type Logger, silentLogger, systemClock } from "@drover/model";
import { type Postgres, startPostgres } from "@drover/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hostFacts, log, newMigration } from "./contract/samples.ts";
import { storeContract } from "./contract/store-contract.ts";
import { openPostgresStore } from "./open-postgres-store.ts";
import type { Store } from "./store.ts";

let postgres: Postgres;
beforeAll(async () => {
  // Its transactions would come when they like, and count among those of the tests.
  postgres = await startPostgres({ settings: { autovacuum: "off" } });
});
afterAll(async () => {
  await postgres.remove();
});

storeContract("PostgreSQL", async () => {
  const url = await postgres.createDatabase();
  return {
    open: (clock) => openPostgresStore({ url, poolSize: 4, clock, logger: silentLogger }),
    run: async (statement) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(statement).finally(() => client.end());
    },
    remove: () => dropDatabase(url),
  };
});

it("placement is read with a change that was begun before a reading and committed after it", async () => {
  const url = await postgres.createDatabase();
  const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
  const slow = new pg.Client({ connectionString: url });
  await slow.connect();
  const read = (since?: number) => store.placement.read({ since });
  for (const name of ["east", "west"]) await store.hosts.report(hostFacts(name), "0.1.0");
  const before = await read();
  await slow.query("begin");
  await slow.query("update hosts set enabled = 0 where host = 'east'");
  await slow.query(
    `update placement_changes set revision = cast(cast(pg_current_xact_id() as text) as bigint) where name = 'east'`,
  );
  // Of the two, this one begins and is seen in between.
  await store.hosts.set("west", { enabled: false });
  const between = await read(before.cursor);
  expect(between.hosts.map(({ host }) => host.facts.host)).toEqual(["west"]);
  await slow.query("commit");
  const after = await read(between.cursor);
  expect(after.hosts).toContainEqual(
    expect.objectContaining({
      host: expect.objectContaining({ facts: expect.objectContaining({ host: "east" }), enabled: false }),
    }),
  );
  await slow.end();
  await store.close();
  await dropDatabase(url);
});

it("what was restored from another cluster, with the larger numbers of its transactions, has not changed for ever", async () => {
  const url = await postgres.createDatabase();
  const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
  for (const name of ["east", "west"]) await store.hosts.report(hostFacts(name), "0.1.0");
  await postgres.sql("update placement_changes set revision = 9000000000", url);
  const { cursor, hosts } = await store.placement.read({});
  expect(hosts).toHaveLength(2);
  expect(await store.placement.read({ since: cursor })).toMatchObject({ whole: false, hosts: [] });
  await store.hosts.set("west", { enabled: false });
  const { hosts: changed } = await store.placement.read({ since: cursor });
  expect(changed.map(({ host }) => host.facts.host)).toEqual(["west"]);
  await store.close();
  await dropDatabase(url);
});

describe("the log in PostgreSQL, where lines are seen in the order of commits", () => {
  let url: string;
  let store: Store;
  let slow: pg.Client;
  let migrationUuid: string;

  beforeEach(async () => {
    url = await postgres.createDatabase();
    store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    migrationUuid = (await store.migrations.create(newMigration(), log)).uuid;
    slow = new pg.Client({ connectionString: url });
    await slow.connect();
  });
  afterEach(async () => {
    await slow.end();
    await store.close();
    await dropDatabase(url);
  });

  /** Takes the next id and does not commit. */
  async function writeSlowly(): Promise<void> {
    await slow.query("begin");
    await slow.query(
      "insert into migration_log (migration_uuid, at, event, state, message) values ($1, 1, 'slow', 'queued', '')",
      [migrationUuid],
    );
  }

  /** A store and how often it has paused. */
  async function openCounting() {
    let pauses = 0;
    const sleep: Clock["sleep"] = (ms, signal) => {
      pauses += 1;
      return systemClock.sleep(ms, signal);
    };
    const own = await openPostgresStore({ url, clock: { ...systemClock, sleep }, logger: silentLogger });
    return { store: own, pauses: () => pauses };
  }

  /** What a follower of the log has seen, in order. */
  const follow = (afterId: number) => store.migrations.readLogAfter(afterId, 10);
  const later = () => store.migrations.appendLog(migrationUuid, "queued", { event: "later", message: "" });

  it("is not followed past a line that is still to be committed", async () => {
    await writeSlowly();
    await later();
    expect(await follow(0)).toMatchObject([{ id: 1 }]);
    await using closing = new AsyncDisposableStack();
    const [follower, watcher] = await Promise.all([openCounting(), openCounting()]);
    for (const { store: own } of [follower, watcher]) closing.defer(() => own.close());
    const next = follower.store.migrations.readLogAfter(1, 10);
    const bounds = watcher.store.migrations.logBounds();
    // By then each knows whom it waits for, and waits: who begins now is not waited for.
    await vi.waitFor(() => expect(Math.min(follower.pauses(), watcher.pauses())).toBeGreaterThan(1));
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query("begin");
    await other.query("delete from migration_log where id = 4711");
    await slow.query("commit");
    expect(await next).toMatchObject([
      { id: 2, event: "slow" },
      { id: 3, event: "later" },
    ]);
    expect(await bounds).toEqual({ oldestId: 1, newestId: 3 });
    await other.end();
  });

  it("is followed past a line that was given up", async () => {
    await writeSlowly();
    await later();
    const next = follow(1);
    await slow.query("rollback");
    expect(await next).toMatchObject([{ id: 3, event: "later" }]);
  });

  it("is followed whole and in order while many write at once", async () => {
    const stores = await Promise.all(
      [1, 2, 3].map(() => openPostgresStore({ url, clock: systemClock, logger: silentLogger })),
    );
    const written = Promise.all(
      stores.map(async (own, n) => {
        await Promise.all(
          Array.from({ length: 80 }, (_, line) =>
            own.migrations.appendLog(migrationUuid, "queued", { event: `line ${n}.${line}`, message: "" }),
          ),
        );
      }),
    );
    const seen: string[] = [];
    let failure: unknown;
    written.catch((error: unknown) => {
      failure = error;
    });
    for (let afterId = 1; seen.length < 240 && failure === undefined; ) {
      for (const { id, event } of await store.migrations.readLogAfter(afterId, 7)) {
        expect(id).toBeGreaterThan(afterId);
        afterId = id;
        seen.push(event);
      }
    }
    await written;
    expect(new Set(seen).size).toBe(240);
    await Promise.all(stores.map((own) => own.close()));
  });
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

  it("that crashes while a query is under way fails that query, and nothing else", async () => {
    const url = await postgres.createDatabase();
    const store = await openPostgresStore({ url, clock: systemClock, logger: silentLogger });
    const holder = new pg.Client({ connectionString: url });
    holder.on("error", () => undefined);
    try {
      const { uuid } = await store.migrations.create(newMigration(), log);
      await holder.connect();
      await holder.query("begin");
      await holder.query("lock table migrations");
      const reading = store.migrations.get(uuid);
      const rejection = expect(reading).rejects.toMatchObject({ code: "unavailable" });
      const waiting = "select count(*) from pg_locks where not granted";
      await vi.waitFor(async () => expect((await holder.query(waiting)).rows).toEqual([{ count: "1" }]), soon);
      await postgres.kill9();
      await rejection;
      await postgres.start();
      await vi.waitFor(() => store.ping(), soon);
    } finally {
      await postgres.start();
      await holder.end().catch(() => undefined);
      await store.close();
      await dropDatabase(url);
    }
  });

  it("that became a standby is left: the next connection may lead to the new primary", async () => {
    const url = await postgres.createDatabase();
    const name = new URL(url).pathname.slice(1);
    const store = await openPostgresStore({ url, poolSize: 1, clock: systemClock, logger: silentLogger });
    // Waits for their end: one that is only told to might answer once more.
    const reconnect = `select pg_terminate_backend(pid, 20000) from pg_stat_activity where datname = '${name}'`;
    try {
      await postgres.sql(`alter database ${name} set default_transaction_read_only = on`);
      await postgres.sql(reconnect);
      await vi.waitFor(() => store.ping(), soon);
      // What connects from now on may write; a connection that is there may not.
      await postgres.sql(`alter database ${name} reset default_transaction_read_only`);
      await expect(store.migrations.create(newMigration(), log)).rejects.toMatchObject({ code: "unavailable" });
      expect((await store.migrations.create(newMigration(), log)).id).toBe(1);
    } finally {
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
