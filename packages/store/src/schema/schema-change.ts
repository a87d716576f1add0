/** What differs between the drivers' SQL when a table is created. */
export interface SchemaWords {
  /** Type and constraints of a column `id` that numbers its rows from 1 and never uses a number twice. */
  readonly serialKey: string;
  /** After a text, compares and sorts it by its bytes, whatever the database's own locale is. */
  readonly byteOrder: string;
  /** Statements that make the database itself refuse an update of `table` where `condition` holds, over `old` and `new`. */
  readonly refuseUpdates: (table: string, condition: string) => readonly string[];
}

/** One numbered change of the schema; never edited after a release, only followed by another. */
export interface SchemaChange {
  readonly number: number;
  readonly name: string;
  readonly statements: (words: SchemaWords) => readonly string[];
}
