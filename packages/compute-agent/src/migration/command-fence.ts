import { DroverError } from "@drover/model";

const REMEMBERED = 4_000;

/** What every command about a migration carries. */
export interface FencedCommand {
  readonly migrationUuid: string;
  readonly generation: number;
  readonly serverName: string;
}

/**
 * Keeps commands out that are older than one already seen of the same migration: late ones, and those of a conductor that
 * has lost its lease without knowing it. The newest few thousand migrations are remembered, for as long as the agent runs;
 * beyond that its file says what was done.
 */
export class CommandFence {
  readonly #newest = new Map<string, number>();

  /** @throws {DroverError} `refused` for an older command; nothing is to be done then. */
  admit({ migrationUuid, generation, serverName }: FencedCommand): void {
    const newest = this.newest(migrationUuid);
    if (generation < newest) {
      throw new DroverError(
        "refused",
        `the command about the migration of ${serverName} is of generation ${generation}, and ${newest} was seen before`,
        { details: { migrationUuid, generation, newest } },
      );
    }
    this.note(migrationUuid, generation);
  }

  newest(migrationUuid: string): number {
    return this.#newest.get(migrationUuid) ?? 0;
  }

  note(migrationUuid: string, generation: number): void {
    const newest = Math.max(this.newest(migrationUuid), generation);
    // Set again, so that the order of the map is that of use and the longest unused is forgotten first.
    this.#newest.delete(migrationUuid);
    this.#newest.set(migrationUuid, newest);
    for (const oldest of this.#newest.keys()) {
      if (this.#newest.size <= REMEMBERED) break;
      this.#newest.delete(oldest);
    }
  }
}
