import { type Clock, type ErrorCode, errorCodeOf } from "@drover/model";
import type { Bus, RpcHandler, ServeOptions } from "./bus.ts";
import { passedOn } from "./passed-on.ts";

/** Is told how each call, cast and request went. It must not throw. */
export interface BusObserver {
  /** Of a call or cast of ours: until its answer, or until the broker had it. */
  sent(method: string, seconds: number, code: ErrorCode | "ok"): void;
  /** Of a request that a handler of ours worked on; one that its schema or its sender's rights kept out is not among them. */
  served(method: string, seconds: number, code: ErrorCode | "ok"): void;
}

/** The same bus, with an observer told of everything that passes it: one way for every driver. */
export function observeBus(bus: Bus, observer: BusObserver, clock: Clock): Bus {
  async function timed<Result>(
    tell: (seconds: number, code: ErrorCode | "ok") => void,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const sinceMs = clock.monotonicMs();
    let code: ErrorCode | "ok" = "ok";
    try {
      return await work();
    } catch (error) {
      code = errorCodeOf(error);
      throw error;
    } finally {
      tell((clock.monotonicMs() - sinceMs) / 1000, code);
    }
  }
  const observed = (handler: RpcHandler): RpcHandler => {
    const { method } = handler.contract;
    return {
      contract: handler.contract,
      read: (args) => {
        const { request, run } = handler.read(args);
        const tell = (seconds: number, code: ErrorCode | "ok") => observer.served(method, seconds, code);
        return { request, run: (info) => timed(tell, () => run(info)) };
      },
    };
  };
  return {
    ...passedOn(bus),
    call: (contract, request, options) =>
      timed(
        (seconds, code) => observer.sent(contract.method, seconds, code),
        () => bus.call(contract, request, options),
      ),
    cast: (contract, request, options) =>
      timed(
        (seconds, code) => observer.sent(contract.method, seconds, code),
        () => bus.cast(contract, request, options),
      ),
    serve: (options: ServeOptions) => bus.serve({ ...options, handlers: options.handlers.map(observed) }),
  };
}
