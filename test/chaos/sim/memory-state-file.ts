import type { StateFile } from "@drover/compute-agent";
import type { SimulatedProcess } from "./simulated-process.ts";

/** A host's disk, as far as its agent uses it: what was not written when the agent died is not there. */
export class MemoryDisk {
  #text: string | undefined;

  get text(): string | undefined {
    return this.#text;
  }

  /** The file as `process` sees it. */
  file(process: SimulatedProcess): StateFile {
    return {
      path: `${process.name}.json`,
      read: () => process.deal(2, async () => this.#text),
      replace: (text) =>
        process.deal(2, async () => {
          if (!process.isDead) this.#text = text;
        }),
    };
  }
}
