import type { Bus, RpcHandler, RpcServer, ServeOptions } from "../bus.ts";
import type { BusUnderTest } from "./bus-under-test.ts";
import { type SampleContracts, sampleContracts } from "./sample.ts";

let topics = 0;

/** What each test of the suite finds ready: two buses, and contracts of a topic that no other test has. */
export class ContractBed {
  readonly #driver: BusUnderTest;
  readonly #closing: Array<() => Promise<unknown>> = [];
  #buses: { readonly caller: Bus; readonly callee: Bus } | undefined;
  #topic = "";
  #contracts = sampleContracts("");

  constructor(driver: BusUnderTest) {
    this.#driver = driver;
  }

  get caller(): Bus {
    return this.#opened().caller;
  }

  get callee(): Bus {
    return this.#opened().callee;
  }

  get topic(): string {
    return this.#topic;
  }

  get contracts(): SampleContracts {
    return this.#contracts;
  }

  async open(): Promise<void> {
    topics += 1;
    this.#topic = `sample-${process.pid}-${topics}`;
    this.#contracts = sampleContracts(this.#topic);
    this.#buses = await this.#driver.open();
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
    await this.#buses?.caller.close();
    await this.#buses?.callee.close();
    this.#buses = undefined;
  }

  /** Serves the test's topic on the callee. */
  serve(server: string, ...handlers: RpcHandler[]): Promise<RpcServer> {
    return this.serveWith({ server, handlers });
  }

  /** The same in all words; `on` another bus than the callee. */
  serveWith(options: Omit<ServeOptions, "topic">, on: Bus = this.callee): Promise<RpcServer> {
    return on.serve({ ...options, topic: this.#topic });
  }

  /** Runs when the test has ended, the last one first, before the two buses are closed. */
  afterwards(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  #opened(): { readonly caller: Bus; readonly callee: Bus } {
    if (this.#buses === undefined) throw new Error("the buses are open within a test only");
    return this.#buses;
  }
}
