import type { DroverClient, MigrationView } from "@drover/api-client";
import { waitFor } from "@drover/testkit";

/** Resolves with the migration once `condition` holds; says its last state when it never does. */
export async function untilMigration(
  client: DroverClient,
  id: number,
  what: string,
  condition: (migration: MigrationView) => boolean,
  deadlineMs = 30_000,
): Promise<MigrationView> {
  return await waitFor(
    `migration ${id} to be ${what}`,
    async () => {
      const { migration } = await client.migration(id);
      if (condition(migration)) return migration;
      throw new Error(`it is ${migration.state} (${migration.reason ?? "no reason given"})`);
    },
    // An end stays, so it need not be looked for so often: each look is a request.
    { deadlineMs, intervalMs: condition === isOver ? 250 : 50 },
  );
}

export function isOver({ endedAt }: MigrationView): boolean {
  return endedAt !== null;
}

/** It copies, and somebody can see how far it is. */
export function isWatched({ state, progress }: MigrationView): boolean {
  return state === "running" && progress !== null && progress.memoryProcessedBytes > 0;
}

/** Resolves when the API shows the server on the host, and nowhere else. */
export async function untilServerIsOn(client: DroverClient, name: string, host: string): Promise<void> {
  await waitFor(
    `${name} to be shown on ${host} alone`,
    async () => {
      const { server } = await client.server(name);
      if (server.host === host && server.leftovers.length === 0 && server.runsTwice.length === 0) return true;
      throw new Error(`it is shown on ${server.host}, leftovers on ${server.leftovers.join(", ") || "no host"}`);
    },
    { deadlineMs: 30_000, intervalMs: 100 },
  );
}

/** What a test hears of a migration by its event stream. */
export interface Hearing {
  /** The id of the last change before. */
  readonly beganAfter: number;
  /** Resolves with the first numbers. */
  readonly numbers: Promise<void>;
  /** Resolves when the stream ends, with the ids of the changes since then. */
  readonly ended: Promise<readonly number[]>;
}

/** Resolves when it listens. */
export async function listenTo(client: DroverClient, id: number): Promise<Hearing> {
  const began = Promise.withResolvers<number>();
  const numbers = Promise.withResolvers<void>();
  const listen = async () => {
    const changes: number[] = [];
    for await (const { event, data, lastEventId } of client.migrationEvents(id, { patienceMs: 60_000 })) {
      if (event === "snapshot") began.resolve(Number(lastEventId));
      else if (event === "change") changes.push(data.id);
      else numbers.resolve();
    }
    return changes;
  };
  const ended = listen();
  ended.catch(began.reject);
  return { beganAfter: await began.promise, numbers: numbers.promise, ended };
}
