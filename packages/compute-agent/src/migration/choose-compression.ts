import type { MigrationPolicy } from "@drover/model";

export interface CompressionFacts {
  /** The guest's processors stand still (`virsh suspend`). */
  readonly paused: boolean;
  readonly policy: MigrationPolicy;
  /** Memory goes over several sockets. */
  readonly parallel: boolean;
}

/** How memory is compressed, or why it is not; `gains` says what the method is good for. */
export type CompressionChoice =
  | { readonly method: "xbzrle" | "zstd"; readonly reason: string; readonly gains: string }
  | { readonly method: null; readonly reason: string };

/** Bound of the copy below which `auto` compresses, MiB/s: ADR 23 has the measurements. */
const SLOW_COPY_MIBPS = 100;

const XBZRLE_GAINS = "a page that is sent again goes as what changed of it";
const ZSTD_GAINS = "each socket's pages are compressed by themselves";

/**
 * Which compression a copy gets; null where nobody asks for any. Worked example, for `auto` and one socket: bound to 20 MiB/s
 * it is xbzrle; without a bound none.
 */
export function chooseCompression({ paused, policy, parallel }: CompressionFacts): CompressionChoice | null {
  const { compression, bandwidthMiBps } = policy;
  switch (compression) {
    case "none":
      return null;
    case "zstd":
      if (!parallel) return { method: null, reason: "zstd goes with several sockets only, and memory goes over one" };
      return { method: "zstd", reason: "the policy asks for it", gains: ZSTD_GAINS };
    case "xbzrle":
      if (paused) return { method: null, reason: "the guest stands still, so no page is sent again" };
      return { method: "xbzrle", reason: "the policy asks for it", gains: XBZRLE_GAINS };
    case "auto":
      if (paused) return null;
      if (bandwidthMiBps === 0 || bandwidthMiBps > SLOW_COPY_MIBPS) {
        return { method: null, reason: "the copy is not held to a low bandwidth, where compression gains" };
      }
      if (parallel) return { method: null, reason: "memory goes over several sockets, which is for fast links" };
      return {
        method: "xbzrle",
        reason: `the copy is held to ${bandwidthMiBps} MiB/s, so what need not be sent is worth processor time`,
        gains: XBZRLE_GAINS,
      };
  }
}
