import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from "kysely";

/** Prepared statements kept, least recently used first out; the store has some dozens of texts. */
const STATEMENTS_KEPT = 200;

/**
 * Kysely on `node:sqlite`. Every transaction is `immediate`: it takes the write lock before it reads, so what it read
 * cannot change before it writes, and it can never fail half-way because another writer came first.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: DatabaseSync) {
    const adapted = adaptDatabase(database);
    super({ database: adapted });
    this.#database = adapted;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver({ database: this.#database });
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

function adaptDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => {
      statements.clear();
      database.close();
    },
    prepare: (text) => {
      const statement = statements.get(text) ?? adaptStatement(database.prepare(text));
      statements.delete(text);
      statements.set(text, statement);
      const oldest = statements.keys().next();
      if (statements.size > STATEMENTS_KEPT && !oldest.done) statements.delete(oldest.value);
      return statement;
    },
  };
}

function adaptStatement(statement: StatementSync): SqliteStatement {
  // Asked at each execution, and the same for a statement's whole life.
  const reader = statement.columns().length > 0;
  return {
    reader,
    all: (parameters) => statement.all(...parameters.map(bindable)),
    run: (parameters) => statement.run(...parameters.map(bindable)),
    iterate: (parameters) => statement.iterate(...parameters.map(bindable)),
  };
}

function bindable(value: unknown): SQLInputValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "bigint") {
    return value;
  }
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`SQLite binds no ${typeof value}; convert it in rows.ts`);
}
