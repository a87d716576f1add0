import type { Store } from "@drover/store";

/**
 * The same store, which calls `announce` after each write that added a line to the log of a migration: also after one that
 * failed, which may have been done all the same.
 */
export function announcingStore(store: Store, announce: () => void): Store {
  const { migrations } = store;
  const announced =
    <Asked extends unknown[], Answer>(write: (...asked: Asked) => Promise<Answer>) =>
    (...asked: Asked) =>
      write(...asked).finally(announce);
  return {
    ...store,
    migrations: {
      ...migrations,
      create: announced(migrations.create),
      update: announced(migrations.update),
      updateRestored: announced(migrations.updateRestored),
      takeSourceSlot: announced(migrations.takeSourceSlot),
      appendLog: announced(migrations.appendLog),
      adopt: announced(migrations.adopt),
    },
  };
}
