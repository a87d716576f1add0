import { type Clock, errorChain, isDroverError, type Logger, systemClock } from "@drover/model";
import closeWithGrace from "close-with-grace";
import { healthConfig, logConfig, tracingConfig } from "./common-sections.ts";
import { type Config, type ConfigSections, loadConfig } from "./config.ts";
import { startHealthServer } from "./health-server.ts";
import { createLogger } from "./logger.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { processMetrics } from "./process-metrics.ts";
import { type Readiness, watchReadiness } from "./readiness.ts";
import { redactSecrets } from "./redact.ts";
import type { RunningService } from "./running-service.ts";
import { startTracing } from "./tracing.ts";

/** What a service is started with. */
export interface ServiceContext<Sections extends ConfigSections> {
  readonly config: Config<Sections>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Spans of this process are sent somewhere. */
  readonly traced: boolean;
  /** Runs at the stop, the last registered first; each is waited for, and one that fails is logged. */
  readonly onStop: (name: string, stop: () => Promise<void>) => void;
}

export interface ServiceOptions<Sections extends ConfigSections> {
  /** Name in the log and the metrics, e.g. `api`. */
  readonly name: string;
  /** Sections to read; `log`, `health` and `tracing` are added. */
  readonly sections: Sections;
  /** `[log]` with another default, for a service that shares its terminal with a person. */
  readonly log?: typeof logConfig;
  /** Builds the service. What it returns is stopped first; what it registered with `onStop` after that. */
  readonly start: (context: ServiceContext<Sections>) => Promise<RunningService>;
}

/** Exit codes of a process made by {@link runService}. 78 is `EX_CONFIG` of sysexits.h: restarting will not help. */
export const EXIT_CODES = { stopped: 0, failed: 1, configuration: 78 } as const;

/** An orderly stop that takes longer than this, ms, is cut off. */
const STOP_DEADLINE_MS = 15_000;

/**
 * Starts a service within this process; used by {@link runService} and by tests.
 *
 * If this rejects, what had been started is stopped again.
 *
 * @throws {DroverError} `bad-request` for a wrong configuration, or what `start` threw.
 */
export async function startService<const Sections extends ConfigSections>(
  options: ServiceOptions<Sections> & {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly clock?: Clock;
    /** Instead of one made from `[log]`. */
    readonly logger?: Logger;
  },
): Promise<RunningService & { readonly healthAddress: string; readonly logger: Logger }> {
  const { name, sections, env, clock = systemClock } = options;
  const own = { log: options.log ?? logConfig, health: healthConfig, tracing: tracingConfig };
  const from = { file: env.DROVER_CONFIG, env };
  // Two reads of one source, so that both results keep their exact types.
  const { log, health, tracing: tracingOptions } = loadConfig(own, from);
  const config = loadConfig(sections, from);
  const logger = options.logger ?? createLogger({ service: name, level: log.level });
  const stops = new StopList(logger);
  try {
    // Before anything that has spans, and ended after all of it.
    const tracing = await startTracing({ service: name, config: tracingOptions, env, logger, clock });
    if (tracing !== undefined) stops.add("tracing", () => tracing.stop());
    const ended = new AbortController();
    stops.add("readiness", async () => ended.abort());
    const readiness = watchReadiness({ clock, logger, signal: ended.signal });
    let standing = false;
    const metrics = createMetrics(name);
    processMetrics(metrics, readiness);
    const healthServer = await startHealthServer({
      service: name,
      ...health,
      readiness,
      metrics,
      isStarted: () => standing,
    });
    stops.add("health server", () => healthServer.stop());
    const service = await options.start({
      config,
      logger,
      clock,
      readiness,
      metrics,
      traced: tracing !== undefined,
      onStop: (what, stop) => stops.add(what, stop),
    });
    stops.add(name, () => service.stop());
    standing = true;
    logger.info({ health: healthServer.address }, "service started");
    return {
      healthAddress: healthServer.address,
      logger,
      stop: () => {
        // First: what the service closes itself is not missed.
        ended.abort();
        return stops.run();
      },
    };
  } catch (error) {
    await stops.run();
    throw error;
  }
}

/**
 * The entry of a service's process: starts it, stops it in order on SIGINT or SIGTERM, and ends the process with one of
 * {@link EXIT_CODES}. A second signal, or 15 s, ends it at once.
 */
export async function runService<const Sections extends ConfigSections>(
  options: ServiceOptions<Sections>,
): Promise<void> {
  // Signals during the start are honoured too: the handler waits for the start, then stops what stands.
  const starting = startService({ ...options, env: process.env });
  closeWithGrace({ delay: STOP_DEADLINE_MS, logger: false, skip: ["beforeExit"] }, async ({ err, signal }) => {
    const service = await starting.catch(() => undefined);
    if (err !== undefined) service?.logger.error({ err }, "stopping after an unexpected error");
    else service?.logger.info({ signal }, "stopping");
    await service?.stop();
  });
  try {
    await starting;
  } catch (error) {
    process.stderr.write(`drover ${options.name}: ${redactSecrets(errorChain(error))}\n`);
    process.exit(isDroverError(error, "bad-request") ? EXIT_CODES.configuration : EXIT_CODES.failed);
  }
}

/** What must be stopped, in reverse order of its start. */
class StopList {
  readonly #items: { name: string; stop: () => Promise<void> }[] = [];
  readonly #logger: Logger;
  #running: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, stop: () => Promise<void>): void {
    this.#items.push({ name, stop });
  }

  run(): Promise<void> {
    this.#running ??= this.#stopAll();
    return this.#running;
  }

  async #stopAll(): Promise<void> {
    for (let item = this.#items.pop(); item !== undefined; item = this.#items.pop()) {
      try {
        await item.stop();
      } catch (err) {
        this.#logger.error({ err, part: item.name }, "a part did not stop cleanly");
      }
    }
  }
}
