import type { DomainEvent, EventsLost, LibvirtConnection } from "@drover/libvirt";
import { LIFECYCLE } from "./host-event.ts";

const CHANGES = new Map<string, string>(Object.entries(LIFECYCLE).map(([name, pair]) => [pair.join("/"), name]));

/** What a host told about its guests, as words that can be compared: `startedMigrated`, `iteration 2`, `jobCompleted`. */
export class EventLog implements AsyncDisposable {
  readonly #events: { readonly guest: string; readonly what: string }[] = [];
  readonly #stop: () => Promise<void>;

  private constructor(stream: AsyncIterable<DomainEvent | EventsLost> & { close(): Promise<void> }) {
    const reading = this.#read(stream);
    this.#stop = async () => {
      await stream.close();
      await reading;
    };
  }

  /** Everything that happens after this resolves is in the log. */
  static async open(connection: LibvirtConnection): Promise<EventLog> {
    return new EventLog(await connection.subscribe(["lifecycle", "migration-iteration", "job-completed"]));
  }

  /** The guest's events in order. Consecutive iterations are one word: their number is compared elsewhere. */
  of(guest: string): string[] {
    const words = this.#events.filter((event) => event.guest === guest).map(({ what }) => what);
    return words.filter((word, index) => word !== "iteration" || words[index - 1] !== "iteration");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #read(stream: AsyncIterable<DomainEvent | EventsLost>): Promise<void> {
    for await (const event of stream) {
      if (event.type === "events-lost") throw new RangeError(`${event.lostCount} events were lost`);
      this.#events.push({ guest: event.dom.name, what: wordFor(event) });
    }
  }
}

function wordFor(event: DomainEvent): string {
  switch (event.type) {
    case "lifecycle":
      return CHANGES.get(`${event.event}/${event.detail}`) ?? `lifecycle ${event.event}/${event.detail}`;
    case "migration-iteration":
      return "iteration";
    case "job-completed":
      return "jobCompleted";
    case "block-job":
      return "blockJob";
  }
}
