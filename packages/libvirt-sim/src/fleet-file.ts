import { readFile, rename, writeFile } from "node:fs/promises";
import { VIR_DOMAIN_PAUSED_REASON, VIR_DOMAIN_RUNNING_REASON, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { DroverError } from "@drover/model";
import { formatDomainXml, parseDomainXml } from "./domain-xml.ts";
import type { SimulatedFleet } from "./simulated-fleet.ts";
import { SimulatedGuest } from "./simulated-guest.ts";

/** What a restart finds again: which guest is defined and runs where. Migrations under way are not in it. */
export interface FleetSnapshot {
  readonly version: 1;
  readonly guests: readonly GuestSnapshot[];
}

interface GuestSnapshot {
  readonly host: string;
  readonly xml: string;
  readonly persistent: boolean;
  readonly autostart: boolean;
  readonly power: "running" | "paused" | "shutoff";
}

/** The fleet as it is now. A guest on its way counts where it still runs: on the source until the switch-over. */
export function snapshotFleet(fleet: SimulatedFleet): FleetSnapshot {
  const guests = [...fleet.hosts.values()].flatMap((host) =>
    host
      .guests()
      .filter((guest) => guest.incoming === null || guest.running)
      // Between its start there and its end here a guest would be in the file twice.
      .filter((guest) => guest.outgoing?.guestHasMoved !== true || guest.outgoing.keepsDefinition)
      .map((guest) => ({
        host: host.name,
        xml: formatDomainXml(guest.definition),
        persistent: guest.persistent,
        autostart: guest.autostart,
        power: powerOf(guest),
      })),
  );
  return { version: 1, guests };
}

/** Puts the guests of a snapshot into an empty fleet; those of hosts that are no longer in it are left out. */
export function restoreFleet(fleet: SimulatedFleet, snapshot: FleetSnapshot): void {
  for (const saved of snapshot.guests) {
    const host = fleet.hosts.get(saved.host);
    if (host === undefined) continue;
    const guest = new SimulatedGuest(parseDomainXml(saved.xml), saved.persistent);
    guest.autostart = saved.autostart;
    const { VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED } = VIR_DOMAIN_STATE;
    if (saved.power === "running") guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_BOOTED);
    if (saved.power === "paused") guest.turn(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_USER);
    host.restore(guest, saved.power !== "shutoff");
  }
}

/** Keeps a snapshot in a file: written whole under another name and renamed, one write at a time, the latest wins. */
export class FleetFile {
  readonly #path: string;
  #writing: Promise<void> | null = null;
  #stale = false;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The snapshot of the last run, or null when there was none.
   *
   * @throws {DroverError} `bad-request` when the file is not one of ours; it is left as it is.
   */
  async read(): Promise<FleetSnapshot | null> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
    try {
      const snapshot = JSON.parse(text) as FleetSnapshot;
      if (snapshot.version === 1 && Array.isArray(snapshot.guests)) return snapshot;
    } catch (cause) {
      throw this.#unreadable(cause);
    }
    throw this.#unreadable(undefined);
  }

  /** Asks for a write of `snapshot()`; changes that come while one is written are written together afterwards. */
  save(snapshot: () => FleetSnapshot): void {
    this.#stale = true;
    this.#writing ??= this.#writeUntilFresh(snapshot).finally(() => {
      this.#writing = null;
    });
    this.#writing.catch(() => {});
  }

  /** Resolves when everything asked for is on disk; rejects if the last write failed. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #writeUntilFresh(snapshot: () => FleetSnapshot): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const partial = `${this.#path}.new`;
      await writeFile(partial, `${JSON.stringify(snapshot())}\n`);
      await rename(partial, this.#path);
    }
  }

  #unreadable(cause: unknown): DroverError {
    return new DroverError(
      "bad-request",
      `reading the simulated fleet's state: ${this.#path} is not a version 1 fleet file; remove it to start afresh`,
      { cause },
    );
  }
}

function powerOf(guest: SimulatedGuest): GuestSnapshot["power"] {
  if (!guest.active || guest.outgoing?.guestHasMoved === true) return "shutoff";
  const pausedByMigration = guest.outgoing !== null || guest.incoming !== null;
  return guest.running || pausedByMigration ? "running" : "paused";
}
