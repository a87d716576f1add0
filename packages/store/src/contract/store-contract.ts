import { type Clock, systemClock } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../store.ts";
import { auditContract } from "./audit-contract.ts";
import { inventoryContract } from "./inventory-contract.ts";
import { type ContractContext, migrationContract, type TestClock } from "./migration-contract.ts";
import { placementContract } from "./placement-contract.ts";
import { placementReadingContract } from "./placement-reading-contract.ts";
import { progressContract } from "./progress-contract.ts";
import { queueContract } from "./queue-contract.ts";
import { racingContract } from "./racing-contract.ts";
import { retentionContract } from "./retention-contract.ts";
import { tokenContract } from "./token-contract.ts";
import { webhookContract } from "./webhook-contract.ts";

/** A database of its own for one test. */
export interface TestDatabase {
  open(clock: Clock): Promise<Store>;
  /** Runs a statement past the store, as somebody with the database's own client. */
  run(statement: string): Promise<void>;
  /** Called when all its stores are closed. */
  remove(): Promise<void>;
}

/** The contract of a store: the same promises from every driver. */
export function storeContract(driver: string, createDatabase: () => Promise<TestDatabase>): void {
  describe(`the store on ${driver}`, () => {
    let context: ContractContext | undefined;
    let opened: Store[] = [];
    let database: TestDatabase;

    function current(): ContractContext {
      if (context === undefined) throw new Error("used outside a test");
      return context;
    }

    beforeEach(async () => {
      database = await createDatabase();
      const clock = testClock();
      const openAnother = async (): Promise<Store> => {
        const store = await database.open(clock);
        opened.push(store);
        return store;
      };
      const run = (statement: string) => database.run(statement);
      context = { clock, store: await openAnother(), openAnother, run };
    });

    afterEach(async () => {
      await Promise.all(opened.map((store) => store.close()));
      opened = [];
      await database.remove();
    });

    migrationContract(current);
    inventoryContract(current);
    queueContract(current);
    placementContract(current);
    placementReadingContract(current);
    progressContract(current);
    retentionContract(current);
    racingContract(current);
    webhookContract(current);
    tokenContract(current);
    auditContract(current);

    it("answers a ping while open and says unavailable when closed", async () => {
      const store = await current().openAnother();
      await store.ping();
      await store.close();
      await store.close();
      await expect(store.ping()).rejects.toMatchObject({ code: "unavailable" });
      await expect(store.hosts.list()).rejects.toMatchObject({ code: "unavailable" });
    });
  });

  describe(`several starters on an empty ${driver} database`, () => {
    it("all find the schema in place", async () => {
      const database = await createDatabase();
      const stores = await Promise.all(Array.from({ length: 6 }, () => database.open(systemClock)));
      try {
        for (const store of stores) expect(await store.migrations.list({})).toEqual([]);
      } finally {
        await Promise.all(stores.map((store) => store.close()));
        await database.remove();
      }
    });
  });
}

function testClock(): TestClock {
  let nowMs = 1_700_000_000_123;
  return {
    now: () => new Date(nowMs),
    monotonicMs: systemClock.monotonicMs,
    sleep: systemClock.sleep,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
