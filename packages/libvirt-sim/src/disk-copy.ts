import type { LibvirtError } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import type { Network } from "./network.ts";
import { operationFailed } from "./refusals.ts";
import type { SimulatedFile } from "./simulated-file.ts";

/** How often a copy of disks moves on, ms. */
const TICK_MS = 50;

/** Until libvirtd's keepalive gives a silent connection up, ms. */
const SILENT_LINK_MS = 30_000;

export interface CopiedDisk {
  readonly from: SimulatedFile;
  readonly to: SimulatedFile;
}

export interface DiskFigures {
  readonly totalBytes: number;
  readonly processedBytes: number;
}

export interface DiskCopyOptions {
  readonly from: string;
  readonly to: string;
  readonly disks: readonly CopiedDisk[];
  /** The guest's limit at this moment, bytes/ms. */
  readonly limitBytesPerMs: () => number;
}

/**
 * Copies the guest's disks as QEMU mirrors them over NBD, before its memory: block after block, so that a copy broken off
 * leaves a file with a part of the content. The guest's own writes during the copy are not modelled.
 */
export class DiskCopy {
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #options: DiskCopyOptions;
  readonly #ended = new AbortController();
  readonly #totalBytes: number;
  #processedBytes = 0;
  #failure: LibvirtError | null = null;

  constructor(world: { readonly clock: Clock; readonly network: Network }, options: DiskCopyOptions) {
    this.#clock = world.clock;
    this.#network = world.network;
    this.#options = options;
    this.#totalBytes = options.disks.reduce((sum, { from }) => sum + from.capacityBytes, 0);
  }

  /** Resolves when all is copied; rejects with what it was failed with. */
  async run(): Promise<void> {
    for (const { from, to } of this.#options.disks) {
      let doneBytes = 0;
      while (doneBytes < from.capacityBytes) {
        const bytes = Math.min(Math.ceil(await this.#tick()), from.capacityBytes - doneBytes);
        from.copyBlocks(to, doneBytes, doneBytes + bytes);
        doneBytes += bytes;
        this.#processedBytes += bytes;
      }
    }
  }

  failWith(error: LibvirtError): void {
    this.#failure ??= error;
    this.#ended.abort();
  }

  figures(): DiskFigures {
    return { totalBytes: this.#totalBytes, processedBytes: this.#processedBytes };
  }

  /** One stretch of time; resolves with how many bytes it carries. */
  async #tick(): Promise<number> {
    const { from, to, limitBytesPerMs } = this.#options;
    const link = this.#network.condition(from, to);
    await this.#clock.sleep(link === "silent" ? SILENT_LINK_MS : TICK_MS, this.#ended.signal).catch(() => {});
    if (this.#failure !== null) throw this.#failure;
    if (link !== "up") throw operationFailed("Lost connection to destination host");
    return Math.min(this.#network.capacityBytesPerMs(from, to), limitBytesPerMs()) * TICK_MS;
  }
}
