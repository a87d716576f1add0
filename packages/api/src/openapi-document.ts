import { openInProcessBus } from "@drover/bus";
import { silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { openSqliteStore } from "@drover/store";
import { apiConfig } from "./api-config.ts";
import { createApi } from "./create-api.ts";

/** The OpenAPI 3.1 document of `/v1` as text, made from the routes' own schemas; the same for every installation. */
export async function openapiDocument(): Promise<string> {
  const own = { clock: systemClock, logger: silentLogger };
  const store = await openSqliteStore({ path: ":memory:", ...own });
  const bus = openInProcessBus();
  const progress = openMemoryProgress(own);
  const config = apiConfig.parse({ port: 0 });
  const app = await createApi({ store, bus, progress, config, ...own });
  try {
    return `${JSON.stringify(app.swagger(), undefined, 2)}\n`;
  } finally {
    await app.close();
    await bus.close();
    await progress.close();
    await store.close();
  }
}
