import type { Migration } from "@drover/model";
import type { Store } from "@drover/store";

/** A waiting migration's place among those that are to leave the same host. */
export interface QueuePlace {
  /** 1 is the next. */
  readonly position: number;
  readonly length: number;
}

/** The places of those of `migrations` that are queued, by uuid; the queue is read only if one is. */
export async function queuePlaces(
  store: Pick<Store, "migrations">,
  migrations: readonly Pick<Migration, "uuid" | "state">[],
): Promise<ReadonlyMap<string, QueuePlace>> {
  if (!migrations.some(({ state }) => state === "queued")) return new Map();
  const bySource = Map.groupBy(await store.migrations.queue(), ({ sourceHost }) => sourceHost);
  const places = [...bySource.values()].flatMap((queue) =>
    queue.map(({ uuid }, index) => [uuid, { position: index + 1, length: queue.length }] as const),
  );
  return new Map(places);
}
