import { type Clock, DroverError, isDroverError, type Logger, pause } from "@drover/model";
import { type Kysely, sql, type Transaction } from "kysely";
import type { DatabaseDriver } from "./database-driver.ts";
import { migrateSchema } from "./schema/migrate-schema.ts";
import type { Tables } from "./schema/tables.ts";

/** A transaction that met another writer is tried again for so long, ms. */
const CONTENTION_LIMIT_MS = 10_000;
const FIRST_RETRY_MS = 2;
const LONGEST_RETRY_MS = 50;
const FIRST_OPENING_RETRY_MS = 250;
const LONGEST_OPENING_RETRY_MS = 10_000;

export interface DatabaseOptions {
  readonly driver: DatabaseDriver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The one door to the database: every query passes `query` or `transact`, which turn failures into `DroverError`s and
 * repeat what only met another writer.
 *
 * Modes: *opening* until the schema is in place, when everything rejects with `unavailable`; *open*; *refused* when the
 * schema is newer than this code, for good; *closed*. An open database that goes away stays *open*: the pool connects
 * anew by itself.
 */
export class Database {
  readonly driver: DatabaseDriver;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #mode: "opening" | "open" | "refused" | "closed" = "opening";
  #openingFailure: unknown;
  #away = false;
  #opening: Promise<void> = Promise.resolve();

  constructor(options: DatabaseOptions) {
    this.driver = options.driver;
    this.#clock = options.clock;
    this.#logger = options.logger.child({ database: options.driver.label });
  }

  now(): Date {
    return this.#clock.now();
  }

  /** Puts the schema in place. @throws `refused` when it is newer than this code; `unavailable` */
  async open(): Promise<void> {
    const { driver } = this;
    try {
      await this.#repeatWhileContended(async () => {
        await driver.prepare(driver.kysely);
        await migrateSchema(driver.kysely, { driver, clock: this.#clock, logger: this.#logger });
      });
      if (this.#mode === "opening") this.#mode = "open";
    } catch (error) {
      const failure = this.#translate("opening the database", error);
      if (isDroverError(failure, "refused")) this.#mode = "refused";
      this.#openingFailure = failure;
      throw failure;
    }
  }

  /** Opens, and when the database is away goes on trying in the background. @throws `refused`, as {@link open} */
  async openOrKeepTrying(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      if (!isDroverError(error, "unavailable")) throw error;
      this.#logger.warn({ err: error }, "database is away, waiting for it");
      this.#opening = this.#keepOpening();
    }
  }

  /** For one statement, which is a transaction of its own, or for reads that need not agree with each other. */
  async query<T>(doing: string, query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#run(doing, () => query(this.driver.kysely));
  }

  /** All of `work` or nothing. It may run more than once, so it must have no effect outside the transaction. */
  async transact<T>(doing: string, work: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#run(doing, () => this.driver.kysely.transaction().execute(work));
  }

  /** Waits, and no longer than the store is open. */
  async pause(ms: number): Promise<void> {
    await pause(this.#clock, ms, this.#closing.signal);
  }

  async ping(): Promise<void> {
    await this.query("asking the database for a sign of life", (db) => sql`select 1`.execute(db));
  }

  async close(): Promise<void> {
    if (this.#mode === "closed") return;
    this.#mode = "closed";
    this.#closing.abort();
    await this.#opening;
    await this.driver.kysely.destroy();
  }

  async #keepOpening(): Promise<void> {
    for (let delayMs = FIRST_OPENING_RETRY_MS; this.#mode === "opening"; ) {
      try {
        await this.#clock.sleep(delayMs * (0.5 + Math.random() / 2), this.#closing.signal);
        await this.open();
        this.#logger.info({}, "database is there");
      } catch (error) {
        if (isDroverError(error, "refused")) {
          this.#logger.error({ err: error }, "database cannot be used by this release");
        } else if (!this.#closing.signal.aborted) {
          this.#logger.warn({ err: error, delayMs }, "database is still away");
        }
        delayMs = Math.min(delayMs * 2, LONGEST_OPENING_RETRY_MS);
      }
    }
  }

  async #run<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    if (this.#mode !== "open") throw this.#notOpen(doing);
    try {
      const result = await this.#repeatWhileContended(attempt);
      this.#noteAway(false);
      return result;
    } catch (error) {
      throw this.#translate(doing, error);
    }
  }

  async #repeatWhileContended<T>(attempt: () => Promise<T>): Promise<T> {
    const deadlineMs = this.#clock.monotonicMs() + CONTENTION_LIMIT_MS;
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      try {
        return await attempt();
      } catch (error) {
        const contended = !isDroverError(error) && this.driver.classify(error) === "contended";
        if (!contended || this.#clock.monotonicMs() > deadlineMs) throw error;
        await this.#clock.sleep(delayMs * (0.5 + Math.random()), this.#closing.signal);
      }
    }
  }

  #notOpen(doing: string): DroverError {
    if (this.#mode === "refused") {
      return new DroverError("refused", `${doing}: this release cannot use the database`, {
        cause: this.#openingFailure,
      });
    }
    const state = this.#mode === "closed" ? "the store is closed" : "the database has not been reached yet";
    return new DroverError("unavailable", `${doing}: ${state}`, {
      cause: this.#mode === "closed" ? undefined : this.#openingFailure,
    });
  }

  #translate(doing: string, error: unknown): DroverError {
    if (isDroverError(error)) return error;
    if (this.#mode === "closed") return this.#notOpen(doing);
    const failure = this.driver.classify(error);
    if (failure === "internal") {
      return new DroverError("internal", `${doing}: the database refused a query`, { cause: error });
    }
    if (failure === "damaged") {
      const remedy = "put back a backup, or move it away to start with an empty one";
      return new DroverError("internal", `${doing}: ${this.driver.label} is damaged or no database; ${remedy}`, {
        cause: error,
      });
    }
    if (failure === "contended") {
      return new DroverError("unavailable", `${doing}: other writers were in the way for too long`, { cause: error });
    }
    if (this.#mode === "open") this.#noteAway(true, error);
    return new DroverError("unavailable", `${doing}: the database at ${this.driver.label} is away`, { cause: error });
  }

  #noteAway(away: boolean, error?: unknown): void {
    if (away === this.#away) return;
    this.#away = away;
    if (away) this.#logger.warn({ err: error }, "database is away");
    else this.#logger.info({}, "database is back");
  }
}
