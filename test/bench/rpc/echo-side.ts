import { readFileSync } from "node:fs";

/** What every alternative sends and gets back: about 300 bytes of JSON. Python reads the same file. */
export interface Payload {
  readonly migrationId: string;
  readonly server: string;
  readonly source: string;
  readonly destination: string;
  readonly memoryTotalBytes: number;
  readonly memoryRemainingBytes: number;
  readonly downtimeMs: number;
  readonly phase: string;
  readonly postCopy: boolean;
  readonly tags: readonly string[];
}

/** One way of calling: both ends of an echo at the broker at `url`. Each end is loaded in a process of its own. */
export interface EchoSides {
  /** Resolves when calls will be answered. */
  serve(url: string): Promise<void>;
  /** Resolves with the function that makes one call and returns the answer, read. */
  connect(url: string): Promise<(payload: Payload) => Promise<unknown>>;
}

export function readPayload(): Payload {
  return JSON.parse(readFileSync(new URL("payload.json", import.meta.url), "utf8"));
}
