import type { Bus } from "../bus.ts";

/** What a driver brings to the contract suite. */
export interface BusUnderTest {
  /** The calling and the serving process's bus, new for each test, and connected. They may be one bus. */
  open(): Promise<{ readonly caller: Bus; readonly callee: Bus }>;
  /** Absent for a driver that has none. */
  readonly broker?: BrokerUnderTest;
}

/** A real broker, which the suite does harm to. Nothing here is called before the first test runs. */
export interface BrokerUnderTest {
  /** As `kill -9` does. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Once more, on the same address and with the files that it left. Resolves when it takes connections. */
  start(): Promise<void>;
  /** A further bus of the same user, connected. The suite closes it. */
  openAnother(name: string): Promise<Bus>;
  /** A bus whose connections all pass a relay of its own, connected. The suite closes the bus, then the relay. */
  openThroughProxy(name: string): Promise<SeverableBus>;
  /** A bus of the broker's user `drover-agent.<host>`, connected. The suite closes it. */
  openAgent(host: string): Promise<Bus>;
  /** Puts bytes on a queue (`<topic>` or `<topic>.<server>`) as no bus of ours would. */
  sendGarbage(queue: string, body: Buffer): Promise<void>;
}

/** A bus, and a hand on its connections. */
export interface SeverableBus {
  readonly bus: Bus;
  /** Resets every connection; new ones pass. */
  sever(): void;
  /** Lets that many more bytes pass towards the broker, then resets the connection that brought them; new ones pass. */
  cutAfter(bytes: number): void;
  closeProxy(): Promise<void>;
}
