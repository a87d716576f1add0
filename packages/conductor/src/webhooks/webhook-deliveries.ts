import { randomUUID } from "node:crypto";
import { viewChange } from "@drover/fleet";
import { type Clock, errorChain, type Logger, type MigrationLogEntry, pause, type Webhook } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import { postEvent, ReceiverRefusal } from "./post-event.ts";
import type { ReceiverRules } from "./receiver-address.ts";
import { retryDelayMs } from "./retry-delay.ts";

const DUTY = "webhooks";
/** A conductor that is silent for so long has its deliveries taken over, ms. */
const LEASE_MS = 12_000;
/** An announcement may get lost; the duty is kept on this period too. */
const LOOK_ANYWAY_MS = 5_000;
const GATHER_MS = 20;
const PAGE_ROWS = 50;
/** At a stop a receiver has so long to answer what it was sent, ms; else it hears that again. */
const LAST_ANSWER_MS = 3_000;
/** The receiver says that it wants nothing more (RFC 9110). */
const GONE = 410;

export interface DeliveryOptions {
  readonly store: Store;
  readonly progress: Pick<ProgressCache, "onChange">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: ReceiverRules;
  /** One that has failed for so long is disabled, ms. */
  readonly giveUpMs: number;
  readonly onTried?: (outcome: "delivered" | "failed") => void;
  /** One was disabled, since it takes nothing. */
  readonly onDisabled?: () => void;
}

/** One webhook that is being told, and how its tries went. */
interface Delivery {
  /** Aborted when the webhook is to hear nothing more; what is under way ends, and then the entry goes. */
  readonly ending: AbortController;
  busy: boolean;
  failures: number;
  notBeforeMs: number;
}

/**
 * Tells every enabled webhook of the changes after its position, one after the other: the next when the receiver has taken the one
 * before. One conductor at a time does; what another left under way is sent again, so a receiver may hear a change
 * twice and never misses one. A receiver that fails keeps back its own changes and nobody else's.
 */
export async function startWebhookDeliveries(options: DeliveryOptions): Promise<RunningService> {
  const { progress } = options;
  const deliveries = new WebhookDeliveries(options);
  const endNotices = await progress.onChange(() => deliveries.look());
  const ended = deliveries.run();
  return {
    stop: async () => {
      await endNotices();
      deliveries.stop();
      await ended;
    },
  };
}

class WebhookDeliveries {
  readonly #options: DeliveryOptions;
  readonly #owner = `conductor-${randomUUID()}`;
  readonly #stopping = new AbortController();
  readonly #givenUp = new AbortController();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #underWay = new Set<Promise<void>>();
  #news = new AbortController();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** There may be something to tell. */
  look(): void {
    this.#news.abort();
  }

  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    const { clock, store, logger } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#news = new AbortController();
      let nextTryMs = LOOK_ANYWAY_MS;
      try {
        const enabled = (await store.webhooks.list()).filter((webhook) => webhook.enabled);
        const isOurs = enabled.length > 0 && (await store.duties.take(DUTY, this.#owner, LEASE_MS));
        await this.#tellOnly(isOurs ? enabled : []);
        nextTryMs = this.#untilNextTryMs();
      } catch (error) {
        logger.debug({ problem: errorChain(error) }, "webhooks could not be looked at");
      }
      await pause(clock, GATHER_MS, signal);
      await pause(clock, nextTryMs, AbortSignal.any([signal, this.#news.signal]));
    }
    const late = setTimeout(() => this.#givenUp.abort(), LAST_ANSWER_MS);
    await Promise.all(this.#underWay);
    clearTimeout(late);
    await store.duties.giveBack(DUTY, this.#owner).catch(() => undefined);
  }

  /** Sees to it that each of these that has something to hear is being told, and nobody else. */
  async #tellOnly(webhooks: readonly Webhook[]): Promise<void> {
    const { store, clock } = this.#options;
    for (const [id, delivery] of this.#deliveries) {
      if (webhooks.some((webhook) => webhook.id === id)) continue;
      delivery.ending.abort();
      if (!delivery.busy) this.#deliveries.delete(id);
    }
    if (webhooks.length === 0) return;
    const newestId = (await store.migrations.logBounds())?.newestId ?? 0;
    for (const webhook of webhooks) {
      const delivery = this.#deliveries.get(webhook.id) ?? newDelivery();
      this.#deliveries.set(webhook.id, delivery);
      if (delivery.busy || webhook.position >= newestId || delivery.notBeforeMs > clock.monotonicMs()) continue;
      delivery.busy = true;
      const told = this.#tell(webhook.id, delivery).finally(() => {
        delivery.busy = false;
        this.#underWay.delete(told);
        if (delivery.ending.signal.aborted) this.#deliveries.delete(webhook.id);
        // There may be news since it read last, a time for its next try, or another beginning after its end.
        this.look();
      });
      this.#underWay.add(told);
    }
  }

  #untilNextTryMs(): number {
    const nowMs = this.#options.clock.monotonicMs();
    const waits = [...this.#deliveries.values()].flatMap(({ busy, notBeforeMs }) =>
      !busy && notBeforeMs > nowMs ? [notBeforeMs - nowMs] : [],
    );
    return Math.min(LOOK_ANYWAY_MS, ...waits);
  }

  /** All that it has not heard yet, until a try fails. Never rejects. */
  async #tell(id: string, delivery: Delivery): Promise<void> {
    const { store, clock, logger } = this.#options;
    const signal = AbortSignal.any([this.#givenUp.signal, delivery.ending.signal]);
    try {
      for (;;) {
        const webhook = await store.webhooks.get(id);
        if (webhook === undefined || !webhook.enabled) return;
        const lines = await store.migrations.readLogAfter(webhook.position, PAGE_ROWS);
        const last = lines.at(-1);
        if (last === undefined) return;
        for (const line of lines) {
          signal.throwIfAborted();
          if (this.#stopping.signal.aborted) return;
          if (isFor(webhook, line) && !(await this.#deliver(webhook, line, delivery, signal))) return;
        }
        // Also past what it was not to hear.
        await store.webhooks.advance(id, last.id, false);
      }
    } catch (error) {
      if (signal.aborted) return;
      delivery.notBeforeMs = clock.monotonicMs() + LOOK_ANYWAY_MS;
      logger.debug({ webhook: id, problem: errorChain(error) }, "a webhook could not be told just now");
    }
  }

  /** One line; false when the receiver did not take it. */
  async #deliver(webhook: Webhook, line: MigrationLogEntry, delivery: Delivery, signal: AbortSignal): Promise<boolean> {
    const { store, clock, rules, onTried } = this.#options;
    const now = clock.now();
    const migration = await store.migrations.get(line.migrationUuid);
    // Pruned meanwhile: there is nothing to tell any more.
    if (migration === undefined) return true;
    const body = JSON.stringify(viewChange(line, migration, now));
    try {
      await postEvent(webhook, { event: "change", id: String(line.id), body }, { rules, now, signal });
    } catch (error) {
      signal.throwIfAborted();
      onTried?.("failed");
      await this.#noteFailure(webhook, error, delivery);
      return false;
    }
    onTried?.("delivered");
    delivery.failures = 0;
    await store.webhooks.advance(webhook.id, line.id, true);
    return true;
  }

  async #noteFailure({ id }: Webhook, error: unknown, delivery: Delivery): Promise<void> {
    const { store, clock, logger, giveUpMs, onDisabled } = this.#options;
    const problem = errorChain(error);
    delivery.failures += 1;
    delivery.notBeforeMs = clock.monotonicMs() + retryDelayMs(delivery.failures);
    if (delivery.failures === 1) logger.warn({ webhook: id, problem }, "a webhook does not take what it is told");
    await store.webhooks.noteFailure(id, problem);
    const failingSince = (await store.webhooks.get(id))?.failingSince ?? clock.now();
    const isGone = error instanceof ReceiverRefusal && error.status === GONE;
    if (!isGone && clock.now().getTime() - failingSince.getTime() < giveUpMs) return;
    const since = failingSince.toISOString();
    const reason = isGone ? "the receiver is gone (HTTP 410)" : `nothing got through since ${since}: ${problem}`;
    await store.webhooks.setEnabled(id, false, reason);
    onDisabled?.();
    logger.warn({ webhook: id, reason }, "a webhook was disabled");
  }
}

function newDelivery(): Delivery {
  return { ending: new AbortController(), busy: false, failures: 0, notBeforeMs: 0 };
}

function isFor({ states }: Webhook, { state }: MigrationLogEntry): boolean {
  return states.length === 0 || states.includes(state);
}
