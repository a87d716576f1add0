import { type Clock, isInForce, type MintedToken, mintToken, silentLogger } from "@drover/model";
import { loadConfig, storeConfig, storeOptions } from "@drover/service-kit";
import { openStore } from "@drover/store";
import type { CliIo } from "./cli-io.ts";

/**
 * Makes an administrator's token in the database that `[store]` names, as a service of its own process would read it.
 *
 * @returns undefined, and nothing is made, where one is in force already and `force` is not set.
 * @throws {DroverError} `bad-request` for a wrong configuration; `unavailable` when the database is away.
 */
export async function makeFirstAdmin(options: {
  readonly name: string;
  readonly force: boolean;
  readonly env: CliIo["env"];
  readonly clock: Clock;
}): Promise<MintedToken | undefined> {
  const { name, force, env, clock } = options;
  const config = loadConfig({ store: storeConfig }, { file: env.DROVER_CONFIG, env });
  const store = await openStore(storeOptions(config), { clock, logger: silentLogger });
  try {
    const now = clock.now();
    const inForce = (await store.tokens.list()).filter((token) => token.role === "admin" && isInForce(token, now));
    if (inForce.length > 0 && !force) return undefined;
    const minted = mintToken();
    const { id, secretHash } = minted;
    const rest = {
      role: "admin",
      projectId: "admin",
      networks: [],
      expiresAt: null,
      createdBy: "drover init",
    } as const;
    await store.tokens.create({ id, secretHash, name, ...rest });
    return minted;
  } finally {
    await store.close();
  }
}
