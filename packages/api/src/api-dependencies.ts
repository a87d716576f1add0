import type { Bus } from "@drover/bus";
import type { Clock, Logger } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Metrics, Readiness } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { ApiConfig } from "./api-config.ts";
import type { KeystoneConfig } from "./auth/keystone/keystone-config.ts";

/** What the API is built from. It reads the store and the cache, and changes things through the conductor only. */
export interface ApiDependencies {
  readonly bus: Bus;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly config: ApiConfig;
  /** @default Drover's own tokens alone */
  readonly keystone?: KeystoneConfig;
  /** Answers `/readyz`; without it the API always counts as ready. */
  readonly readiness?: Pick<Readiness, "report">;
  /** Takes `drover_http_request_seconds`. */
  readonly metrics?: Metrics;
  /** Requests that change something are traced. @default false */
  readonly traced?: boolean;
}
