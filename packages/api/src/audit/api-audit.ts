import type { Bus } from "@drover/bus";
import { recordAudit } from "@drover/contracts";
import { type Clock, errorChain, type Logger, pause } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { remoteAddressOf } from "../auth/remote-address.ts";

/** Requests without a token that counts are told together, by address, this often, ms. */
const GATHERED_FOR_MS = 60_000;
/** Addresses that are told apart meanwhile; all beyond are told as one. */
const MAX_ADDRESSES = 1_000;
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

  constructor({ bus, clock, logger }: { readonly bus: Bus; readonly clock: Clock; readonly logger: Logger }) {
    this.#bus = bus;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Of a request whose identity is known. */
  record(request: FastifyRequest, came: ApiOutcome): void {
    this.#tell({ ...came, ...request.identity, action: actionOf(request), requestId: request.id, times: 1 });
  }

  /** Of a request without a token that counts: never one entry for each. */
  guess(request: FastifyRequest, came: Omit<ApiOutcome, "resource">): void {
    const remoteAddress = remoteAddressOf(request);
    const isKnown = this.#gathered.has(remoteAddress) || this.#gathered.size < MAX_ADDRESSES;
    const key = isKnown ? remoteAddress : OTHERS;
    const before = this.#gathered.get(key);
    if (before !== undefined) {
      before.times += 1;
      return;
    }
    const nobody = { userId: null, projectId: null, role: null, tokenId: null, resource: null };
    const from = { remoteAddress: key, action: actionOf(request), requestId: request.id };
    this.#gathered.set(key, { first: { ...nobody, ...from, ...came, times: 1 }, times: 1 });
    this.#telling ??= this.#tellGathered();
  }

  /** Tells what was gathered. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#telling;
  }

  async #tellGathered(): Promise<void> {
    await pause(this.#clock, GATHERED_FOR_MS, this.#ended.signal);
    const gathered = this.#gathered;
    this.#gathered = new Map();
    this.#telling = undefined;
    await Promise.all([...gathered.values()].map(({ first, times }) => this.#tell({ ...first, times })));
  }

  async #tell(told: Told): Promise<void> {
    try {
      await this.#bus.cast(recordAudit, told, { context: { requestId: told.requestId } });
    } catch (error) {
      this.#logger.error({ ...told, problem: errorChain(error) }, "the audit could not be told");
    }
  }
}

function actionOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? "no route"}`;
}
