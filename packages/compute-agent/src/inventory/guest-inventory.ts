import { isDeepStrictEqual } from "node:util";
import { type Domain, isLibvirtError } from "@drover/libvirt";
import { type Clock, isActive, type Logger, type ObservedGuest } from "@drover/model";
import { domainOf, readGuest } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";

/** Events come in bursts (a migration's end makes four): they are read together after this many ms. */
const DEBOUNCE_MS = 100;
/** No event tells that a migration job ended without moving the guest: guests in one are read again, ms. */
const MIGRATING_AGAIN_MS = 2_000;

/**
 * The guests of this host as libvirt has them: read once per connection, then by events, one guest at a time. Nothing
 * is polled but guests in a migration, and nothing is told but what has changed: in a long copy that is nothing.
 */
export class GuestInventory {
  readonly #link: LibvirtLink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  readonly #ended = new AbortController();
  readonly #touched = new Set<string>();
  #guests = new Map<string, ObservedGuest>();
  #everything = false;
  #hasRead = false;
  #readsAgain = false;
  #working: Promise<void> | undefined;
  #unlisten: () => void = () => {};

  constructor(options: { link: LibvirtLink; clock: Clock; logger: Logger; onChange: () => void }) {
    this.#link = options.link;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onChange = options.onChange;
  }

  start(): void {
    this.#unlisten = this.#link.listen((event) => {
      if (event.type === "everything-changed") this.#everything = true;
      else this.#touched.add(event.dom.uuid);
      this.#work();
    });
  }

  /** Reads one guest again soon. */
  touch(uuid: string): void {
    this.#touched.add(uuid);
    this.#work();
  }

  /** Every guest was read at least once. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  guests(): readonly ObservedGuest[] {
    return [...this.#guests.values()];
  }

  /** Memory of active guests, coming ones included. */
  activeMemoryKiB(): number {
    return this.guests()
      .filter((guest) => isActive(guest.powerState))
      .reduce((sum, guest) => sum + guest.memoryKiB, 0);
  }

  async stop(): Promise<void> {
    this.#unlisten();
    this.#ended.abort();
    await this.#working;
  }

  #work(): void {
    if (this.#ended.signal.aborted) return;
    this.#working ??= this.#readWhatChanged().finally(() => {
      this.#working = undefined;
      if (this.#everything || this.#touched.size > 0) this.#work();
    });
  }

  async #readWhatChanged(): Promise<void> {
    await this.#sleep(DEBOUNCE_MS);
    if (this.#ended.signal.aborted || !this.#link.isConnected) {
      // The next connection reads everything.
      this.#touched.clear();
      this.#everything = false;
      return;
    }
    const touched = [...this.#touched];
    const everything = this.#everything;
    this.#touched.clear();
    this.#everything = false;
    try {
      // After a new connection the host itself may be another; a guest that is as it was is no news.
      if (everything) await this.#readAll();
      const isNews = everything || (await this.#readSome(touched));
      if (isNews) this.#onChange();
      this.#readMigratingAgain();
    } catch (err) {
      if (this.#ended.signal.aborted) return;
      this.#logger.warn({ err }, "guests could not be read; trying again");
      await this.#sleep(MIGRATING_AGAIN_MS);
      this.#everything = true;
    }
  }

  async #readAll(): Promise<void> {
    const { questions } = this.#link;
    const domains = await questions.domain.listAll();
    // The connection lets four calls out at a time; asking for all at once costs memory, not libvirtd's patience.
    const read = await Promise.all(domains.map((domain) => this.#read(domain)));
    this.#guests = new Map(read.filter((guest) => guest !== null).map((guest) => [guest.uuid, guest]));
    this.#hasRead = true;
  }

  /** True when any of them is not as it was. */
  async #readSome(uuids: readonly string[]): Promise<boolean> {
    let changed = false;
    for (const uuid of uuids) {
      const guest = await this.#readOne(uuid);
      changed ||= !isDeepStrictEqual(guest, this.#guests.get(uuid) ?? null);
      if (guest === null) this.#guests.delete(uuid);
      else this.#guests.set(uuid, guest);
    }
    return changed;
  }

  async #readOne(uuid: string): Promise<ObservedGuest | null> {
    try {
      // Looked up, for its name: it may be new.
      const domain = await this.#link.questions.domain.lookupByUUID(uuid);
      return await this.#read(domainOf({ serverUuid: uuid, serverName: domain.name }));
    } catch (error) {
      if (isLibvirtError(error, "VIR_ERR_NO_DOMAIN")) return null;
      throw error;
    }
  }

  /** One that something holds must not keep the others from being told: it is in the job that it was in. */
  async #read(domain: Domain): Promise<ObservedGuest | null> {
    const wasMigrating = this.#guests.get(domain.uuid)?.migrating === true;
    const found = await readGuest(this.#link.questions, domain, wasMigrating ? "outgoing" : "other");
    return found?.guest ?? null;
  }

  #readMigratingAgain(): void {
    // One timer, whatever was read meanwhile: one per read would multiply reads and reports through a long copy.
    if (this.#readsAgain || !this.guests().some((guest) => guest.migrating)) return;
    this.#readsAgain = true;
    void this.#sleep(MIGRATING_AGAIN_MS).then(() => {
      this.#readsAgain = false;
      const migrating = this.guests().filter((guest) => guest.migrating);
      if (migrating.length === 0) return;
      for (const guest of migrating) this.#touched.add(guest.uuid);
      this.#work();
    });
  }

  async #sleep(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#ended.signal).catch(() => {});
  }
}
