import type { Bus, CallContract, CallOptions, CastContract, CastOptions, RpcHandler, ServeOptions } from "@drover/bus";
import { DroverError } from "@drover/model";
import type { SeededRandom } from "../seeded-random.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How likely each thing befalls a message, and how late it may be. */
export interface BusWeather {
  loss: number;
  duplicate: number;
  lateMs: number;
}

export interface ProcessBusOptions {
  /** The broker, which outlives its clients. */
  readonly broker: Bus;
  readonly process: SimulatedProcess;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly weather: Readonly<BusWeather>;
}

/** A broker notices a client that died without a word within this, ms. */
const NOTICED_WITHIN_MS = 2_000;

/**
 * A process's connection to the broker. Messages are lost, repeated and late as the weather has it; what a dead process
 * had taken and not settled is given to the next server, as a broker does, once its death is noticed.
 */
export function processBus({ broker, process, clock, random, weather }: ProcessBusOptions): Bus {
  const befalls = (probability: number) => probability > 0 && random.chance(probability);
  const late = () => clock.sleep(random.between(0, weather.lateMs));

  async function call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    process.touch();
    // Nothing here works longer than a caller waits for a server to begin, and who has died never does.
    const { deadlineMs = contract.beginsWithinMs ?? contract.deadlineMs, signal } = options;
    const lost = befalls(weather.loss);
    const answerLost = befalls(weather.loss);
    if (contract.idempotent && befalls(weather.duplicate)) {
      void late().then(() => broker.call(contract, request, { ...options, signal: undefined }).catch(() => {}));
    }
    const answer = async (): Promise<Response> => {
      if (weather.lateMs > 0) await late();
      if (!lost) {
        const response = broker.call(contract, request, { ...options, deadlineMs });
        if (!answerLost) return await response;
        response.catch(() => {});
      }
      await clock.sleep(deadlineMs, signal);
      throw new DroverError("deadline-exceeded", `calling ${contract.method}: no reply within ${deadlineMs} ms`);
    };
    return await process.enter(answer());
  }

  async function cast<Request>(
    contract: CastContract<Request>,
    request: Request,
    options: CastOptions = {},
  ): Promise<void> {
    process.touch();
    const sends = async () => {
      if (befalls(weather.duplicate)) {
        void late().then(() => broker.cast(contract, request, options).catch(() => {}));
      }
      // Resolved all the same: a broker that took it may still lose it, with its machine.
      if (befalls(weather.loss)) return;
      if (weather.lateMs > 0) await late();
      await broker.cast(contract, request, options);
    };
    await process.enter(sends());
  }

  async function serve(options: ServeOptions) {
    const taken = new Set<(error: unknown) => void>();
    const handlers = options.handlers.map((handler) => handlerIn(process, handler, taken));
    const server = await broker.serve({ ...options, handlers });
    process.onKill(() => {
      clock.after(random.between(0, NOTICED_WITHIN_MS), () => {
        void server.close();
        for (const giveBack of taken) giveBack(new DroverError("unavailable", `${process.name} is dead`));
      });
    });
    return { close: () => process.enter(server.close()) };
  }

  return {
    call,
    cast,
    serve: (options) => process.enter(serve(options)),
    status: () => broker.status(),
    listParked: (limit) => process.enter(broker.listParked(limit)),
    releaseParked: (id, release) => process.enter(broker.releaseParked(id, release)),
    ping: () => process.enter(broker.ping()),
    close: async () => {},
  };
}

/** The handler inside of its process: it begins when the process may go on, and a dead one answers no more. */
function handlerIn(process: SimulatedProcess, handler: RpcHandler, taken: Set<(error: unknown) => void>): RpcHandler {
  return {
    contract: handler.contract,
    read: (args) => {
      const { request, run } = handler.read(args);
      return {
        request,
        run: (info) =>
          new Promise((resolve, reject) => {
            // Only a cast is the broker's to give to another; a call's answer is waited for by the one who called.
            const giveBack = handler.contract.kind === "cast" ? reject : () => {};
            taken.add(giveBack);
            const settle = (end: () => void) => {
              taken.delete(giveBack);
              if (!process.isDead) end();
            };
            process.reach(() => {
              run(info).then(
                (value) => settle(() => resolve(value)),
                (error: unknown) => settle(() => reject(error)),
              );
            });
          }),
      };
    },
  };
}
