import { fairShare } from "./fair-share.ts";

const BYTES_PER_MIB = 1_048_576;

/** How a link is at the moment. */
export type LinkCondition =
  /** Carries what it can. */
  | "up"
  /** Packets vanish: nothing moves and nobody is told. */
  | "silent"
  /** Connections are reset: whoever uses it knows at once. */
  | "reset";

export interface LinkSpec {
  /** The two hosts it joins. */
  readonly between: readonly [string, string];
  /** What it carries in one direction, MiB/s. */
  readonly bandwidthMiBps: number;
}

/** A transfer on a link, as the link sees it. */
export interface Transfer {
  readonly from: string;
  readonly to: string;
  /** The most it would take, bytes per ms; infinite without a limit. */
  limitBytesPerMs(): number;
  /** Its share has changed; it settles what it did under the old one first. */
  shareChanged(bytesPerMs: number): void;
  /** The connection under it was reset. */
  connectionReset(): void;
}

interface Link {
  bandwidthMiBps: number;
  condition: LinkCondition;
}

/** The migration network: a link for each pair of hosts, shared fairly by the transfers in one direction of it. */
export class Network {
  readonly #links = new Map<string, Link>();
  readonly #transfers = new Set<Transfer>();
  readonly #defaultMiBps: number;

  constructor(defaultMiBps: number, links: readonly LinkSpec[]) {
    this.#defaultMiBps = defaultMiBps;
    for (const { between, bandwidthMiBps } of links) this.#link(...between).bandwidthMiBps = bandwidthMiBps;
  }

  join(transfer: Transfer): void {
    this.#transfers.add(transfer);
    // Also one that was not under way at the moment of the reset: at a switch-over, for instance.
    if (this.condition(transfer.from, transfer.to) === "reset") transfer.connectionReset();
    this.#share(transfer.from, transfer.to);
  }

  leave(transfer: Transfer): void {
    if (this.#transfers.delete(transfer)) this.#share(transfer.from, transfer.to);
  }

  /** Shares the link of `transfer` anew after its limit changed. */
  limitChanged(transfer: Transfer): void {
    this.#share(transfer.from, transfer.to);
  }

  capacityBytesPerMs(from: string, to: string): number {
    const link = this.#link(from, to);
    return link.condition === "up" ? (link.bandwidthMiBps * BYTES_PER_MIB) / 1000 : 0;
  }

  condition(from: string, to: string): LinkCondition {
    return this.#link(from, to).condition;
  }

  setBandwidth(a: string, b: string, bandwidthMiBps: number): void {
    this.#link(a, b).bandwidthMiBps = bandwidthMiBps;
    this.#shareBothWays(a, b);
  }

  setCondition(a: string, b: string, condition: LinkCondition): void {
    this.#link(a, b).condition = condition;
    if (condition === "reset") {
      for (const transfer of [...this.#between(a, b), ...this.#between(b, a)]) transfer.connectionReset();
    }
    this.#shareBothWays(a, b);
  }

  #shareBothWays(a: string, b: string): void {
    this.#share(a, b);
    this.#share(b, a);
  }

  #share(from: string, to: string): void {
    const transfers = this.#between(from, to);
    const shares = fairShare(
      this.capacityBytesPerMs(from, to),
      transfers.map((transfer) => transfer.limitBytesPerMs()),
    );
    transfers.forEach((transfer, index) => {
      transfer.shareChanged(shares[index] ?? 0);
    });
  }

  #between(from: string, to: string): Transfer[] {
    return [...this.#transfers].filter((transfer) => transfer.from === from && transfer.to === to);
  }

  #link(a: string, b: string): Link {
    const key = [a, b].sort().join(" ");
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link: Link = { bandwidthMiBps: this.#defaultMiBps, condition: "up" };
    this.#links.set(key, link);
    return link;
  }
}
