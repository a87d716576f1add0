import type { AgedProgress } from "@drover/model";
import { publicationFromText } from "./publication-text.ts";

/** Publications that are remembered: of so many hosts at the most. */
const HOSTS = 1_000;

/** By migration, each with its age at the writing. */
type Publication = ReadonlyMap<string, AgedProgress>;

/**
 * Reads what hosts have published, each publication once: who polls the migrations of a host one by one gets the same text
 * again and again, twice a second another.
 */
export class PublicationReader {
  /** The one that was read last is the last. */
  readonly #newest = new Map<string, { readonly text: string; readonly publication: Publication }>();

  read(host: string, text: unknown): Publication {
    if (typeof text !== "string") return new Map();
    const known = this.#newest.get(host);
    this.#newest.delete(host);
    const entry = known?.text === text ? known : { text, publication: publicationOf(text) };
    this.#newest.set(host, entry);
    for (const oldest of this.#newest.keys()) {
      if (this.#newest.size <= HOSTS) break;
      this.#newest.delete(oldest);
    }
    return entry.publication;
  }
}

function publicationOf(text: string): Publication {
  return new Map(publicationFromText(text).map((numbers) => [numbers.snapshot.migrationUuid, numbers]));
}
