import { DroverError } from "@drover/model";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "../bus.ts";
import type { CallContract, CastContract } from "../contract.ts";
import type { ParkedMessage, Release } from "../parked.ts";

/** What becomes of a request instead of its simply being answered. */
export type RequestFault =
  /** It reaches no server; its sender gets `error`. */
  | { readonly kind: "fail-before"; readonly error: DroverError }
  /** A server has it, and has carried out what is a call; its sender gets `error` all the same. */
  | { readonly kind: "fail-after"; readonly error: DroverError }
  /**
   * Carried out, and the reply gets lost: the caller's wait ends, at once instead of at its deadline. A cast has no
   * reply to lose.
   */
  | { readonly kind: "lose-reply" }
  /** Lost on its way: a call's wait ends at once, and a cast counts as sent. */
  | { readonly kind: "lose-request" }
  /** Carried out, lost with its connection, and carried out again: the second answer is the caller's. */
  | { readonly kind: "repeat" }
  /** Two of it are under way at once; the answer to the second is the caller's. */
  | { readonly kind: "double" }
  /** Held up on its way: its sender learns what it does of a lost one, and it arrives with {@link ArmedFault.arrive}. */
  | { readonly kind: "hold-up" };

/** Which requests: of a contract, and only those to `server` where one is named. */
export interface FaultTarget extends Pick<CastContract<never>, "topic" | "method"> {
  readonly server?: string;
}

/** A fault that was armed, and what has come of it. */
export interface ArmedFault {
  /** Requests that it has met. */
  readonly met: number;
  /** Later requests pass as usual. */
  disarm(): void;
  /** Those held up arrive now; resolves when servers have carried them out, or refused to. */
  arrive(): Promise<void>;
}

interface Armed {
  readonly target: FaultTarget;
  readonly fault: RequestFault;
  left: number;
  met: number;
  readonly heldUp: (() => Promise<unknown>)[];
}

/**
 * Another bus, on which chosen requests go wrong as they may by the promises of {@link Bus}: for tests of who sends them.
 * What is armed is used up by the requests that it meets; all else passes untouched. Nothing here waits for a deadline.
 */
export class FaultyBus implements Bus {
  readonly #bus: Bus;
  readonly #armed = new Set<Armed>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Lets the next `times` requests to `target` go wrong. What was armed first is used up first. */
  onRequest(target: FaultTarget, fault: RequestFault, times = 1): ArmedFault {
    const armed: Armed = { target, fault, left: times, met: 0, heldUp: [] };
    this.#armed.add(armed);
    return {
      get met() {
        return armed.met;
      },
      disarm: () => void this.#armed.delete(armed),
      arrive: async () => void (await Promise.allSettled(armed.heldUp.splice(0).map((send) => send()))),
    };
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    options.signal?.throwIfAborted();
    const armed = this.#meet(contract, options.server);
    const send = () => this.#bus.call(contract, request, options);
    if (armed === undefined) return await send();
    const { fault } = armed;
    switch (fault.kind) {
      case "fail-before":
        throw fault.error;
      case "lose-request":
        throw waitEnded(contract);
      case "hold-up": {
        // Its sender is gone by then, and so is what would have called it off.
        const { signal: _, ...unattended } = options;
        armed.heldUp.push(() => this.#bus.call(contract, request, unattended));
        throw waitEnded(contract);
      }
      case "fail-after":
      case "lose-reply":
        await send().catch(() => undefined);
        options.signal?.throwIfAborted();
        throw fault.kind === "fail-after" ? fault.error : waitEnded(contract);
      case "repeat":
        await send().catch(() => undefined);
        return await send();
      case "double": {
        const [, last] = await Promise.all([send().catch(() => undefined), send()]);
        return last;
      }
    }
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    const armed = this.#meet(contract, options.server);
    const send = () => this.#bus.cast(contract, request, options);
    if (armed === undefined) return await send();
    const { fault } = armed;
    switch (fault.kind) {
      case "fail-before":
        throw fault.error;
      case "fail-after":
        await send();
        throw fault.error;
      case "lose-request":
        return;
      case "hold-up":
        armed.heldUp.push(send);
        return;
      case "lose-reply":
        return await send();
      case "repeat":
      case "double":
        await send();
        return await send();
    }
  }

  serve(options: ServeOptions): Promise<RpcServer> {
    return this.#bus.serve(options);
  }

  status(): BusStatus {
    return this.#bus.status();
  }

  listParked(limit?: number): Promise<readonly ParkedMessage[]> {
    return this.#bus.listParked(limit);
  }

  releaseParked(id: string, release: Release): Promise<void> {
    return this.#bus.releaseParked(id, release);
  }

  ping(): Promise<void> {
    return this.#bus.ping();
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  #meet({ topic, method }: FaultTarget, server: string | undefined): Armed | undefined {
    for (const armed of this.#armed) {
      const { target } = armed;
      if (target.topic !== topic || target.method !== method) continue;
      if (target.server !== undefined && target.server !== server) continue;
      armed.met += 1;
      armed.left -= 1;
      if (armed.left <= 0) this.#armed.delete(armed);
      return armed;
    }
    return undefined;
  }
}

function waitEnded({ method, deadlineMs }: CallContract<unknown, unknown>): DroverError {
  return new DroverError("deadline-exceeded", `calling ${method}: the reply is lost; the work may go on`, {
    details: { method, deadlineMs },
  });
}
