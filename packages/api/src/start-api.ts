import { DroverError } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import type { ApiDependencies } from "./api-dependencies.ts";
import { createApi } from "./create-api.ts";
import { requireSafeListening } from "./listening.ts";

/** The API, listening. `stop` lets requests under way end, for 8 s at the most. */
export interface RunningApi extends RunningService {
  /** `http://127.0.0.1:8774`, or `https://…` with TLS */
  readonly address: string;
}

/**
 * Builds the API and listens on `config.host` and `config.port`.
 *
 * @throws {DroverError} `bad-request` beyond loopback without TLS, or for certificates that cannot be used; `unavailable`
 *   when the port cannot be had.
 */
export async function startApi(dependencies: ApiDependencies): Promise<RunningApi> {
  const { config, logger } = dependencies;
  const { host } = config;
  requireSafeListening(config);
  const app = await createApi(dependencies);
  try {
    const address = await app.listen({ host, port: config.port });
    logger.info({ address }, "the API listens");
    return { address, stop: () => app.close() };
  } catch (cause) {
    await app.close();
    const what = `opening the API's port ${host}:${config.port}; choose another with DROVER_API_PORT`;
    throw new DroverError("unavailable", what, { cause });
  }
}
