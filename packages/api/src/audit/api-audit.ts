import { randomUUID } from "node:crypto";
import type { Bus } from "@drover/bus";
import { recordAudit } from "@drover/contracts";
import { type Clock, errorChain, type Logger, pause } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { remoteAddressOf } from "../auth/remote-address.ts";

/** Requests without a token that counts are told together, by address, and repeated refusals by token and route; this often, ms. */
const GATHERED_FOR_MS = 60_000;
/** Of those so many are told apart meanwhile; all beyond are told as one. */
const MAX_TOLD_APART = 1_000;
const OTHERS = "others";

type Told = ReturnType<(typeof recordAudit.request)["parse"]>;

/** What a request came to, of those that the API answers by itself. */
export interface ApiOutcome {
  readonly outcome: string;
  readonly httpStatus: number;
  readonly message: string | null;
  readonly resource: string | null;
}

interface Gathered {
  readonly first: Told;
  times: number;
}

/**
 * Tells the audit what no conductor comes to know: what a role may not, tokens that do not count, and what became of parked
 * messages. It is told best-effort and never keeps an answer waiting; what the broker does not take is in the log.
 */
export class ApiAudit {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ended = new AbortController();
  #gathered = new Map<string, Gathered>();
  #telling: Promise<void> | undefined;
  readonly #underWay = new Set<Promise<void>>();

  constructor({ bus, clock, logger }: { readonly bus: Bus; readonly clock: Clock; readonly logger: Logger }) {
    this.#bus = bus;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Of a request whose identity is known. */
  record(request: FastifyRequest, came: ApiOutcome): void {
    const told = { ...came, ...request.identity, action: actionOf(request), requestId: request.id };
    this.#tellSoon(newEntry(told, this.#clock));
  }

  /** Of a request that its role may not make. The first is told at once, and how often the token repeats it, with the guesses. */
  refusal(request: FastifyRequest, came: Omit<ApiOutcome, "resource">): void {
    const { identity, id: requestId } = request;
    const action = actionOf(request);
    const told = { ...came, ...identity, resource: null, action, requestId };
    if (!this.#gather(`${identity.tokenId} ${action}`, told, 0)) return;
    this.#tellSoon(newEntry(told, this.#clock));
  }

  /** Of a request without a token that counts: never one entry for each. */
  guess(request: FastifyRequest, came: Omit<ApiOutcome, "resource">): void {
    const remoteAddress = remoteAddressOf(request);
    const nobody = { userId: null, projectId: null, role: null, tokenId: null, resource: null };
    const from = { remoteAddress, action: actionOf(request), requestId: request.id };
    this.#gather(remoteAddress, { ...nobody, ...from, ...came }, 1);
  }

  /** Tells what was gathered; resolves when the broker has all, or refused it. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#telling;
    await Promise.all(this.#underWay);
  }

  #tellSoon(told: Told): void {
    const telling = this.#tell(told).finally(() => this.#underWay.delete(telling));
    this.#underWay.add(telling);
  }

  /** Counts it with those like it; true for the first. With too many that are told apart, the rest are nobody's. */
  #gather(wanted: string, told: Omit<Told, "entryId" | "at" | "times">, times: 0 | 1): boolean {
    const isKnown = this.#gathered.has(wanted) || this.#gathered.size < MAX_TOLD_APART;
    const key = isKnown ? wanted : OTHERS;
    const before = this.#gathered.get(key);
    if (before !== undefined) {
      before.times += 1;
      return false;
    }
    const others = { userId: null, projectId: null, role: null, tokenId: null, remoteAddress: OTHERS };
    this.#gathered.set(key, {
      first: newEntry(isKnown ? told : { ...told, ...others }, this.#clock),
      times: isKnown ? times : 1,
    });
    this.#telling ??= this.#tellGathered();
    return isKnown;
  }

  async #tellGathered(): Promise<void> {
    await pause(this.#clock, GATHERED_FOR_MS, this.#ended.signal);
    const gathered = this.#gathered;
    this.#gathered = new Map();
    this.#telling = undefined;
    const counted = [...gathered.values()].filter(({ times }) => times > 0);
    await Promise.all(counted.map(({ first, times }) => this.#tell({ ...first, times })));
  }

  async #tell(told: Told): Promise<void> {
    try {
      await this.#bus.cast(recordAudit, told, { context: { requestId: told.requestId } });
    } catch (error) {
      this.#logger.error({ ...told, problem: errorChain(error) }, "the audit could not be told");
    }
  }
}

function newEntry(told: Omit<Told, "entryId" | "at" | "times">, clock: Clock): Told {
  return { ...told, entryId: randomUUID(), at: clock.now().toISOString(), times: 1 };
}

function actionOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? "no route"}`;
}
