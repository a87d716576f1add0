import { join } from "node:path";

/** What a store's driver is opened with. */
export type StoreOptions =
  | { readonly driver: "sqlite"; readonly path: string }
  | { readonly driver: "postgres"; readonly url: string };

/** `[store]` with SQLite's default place filled in: `drover.sqlite` in `data_dir`. */
export function storeOptions(config: {
  readonly data_dir: string;
  readonly store: { readonly driver: "sqlite" | "postgres"; readonly url: string; readonly path: string | null };
}): StoreOptions {
  const { driver, url, path } = config.store;
  return driver === "sqlite" ? { driver, path: path ?? join(config.data_dir, "drover.sqlite") } : { driver, url };
}
