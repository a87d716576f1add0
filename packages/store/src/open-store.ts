import type { Clock, Logger } from "@drover/model";
import { openPostgresStore } from "./open-postgres-store.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";
import type { Store } from "./store.ts";

/** Which driver, and what it needs. */
export type StoreSettings =
  | { readonly driver: "sqlite"; readonly path: string }
  | { readonly driver: "postgres"; readonly url: string };

/** Opens the configured driver; see {@link openSqliteStore} and {@link openPostgresStore} for what holds while it is away. */
export async function openStore(
  settings: StoreSettings,
  process: { readonly logger: Logger; readonly clock: Clock },
): Promise<Store> {
  return settings.driver === "sqlite"
    ? await openSqliteStore({ path: settings.path, ...process })
    : await openPostgresStore({ url: settings.url, ...process });
}
