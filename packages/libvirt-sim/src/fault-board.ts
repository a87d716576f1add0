import type { LibvirtError, ProcedureName } from "@drover/libvirt";
import type { LinkCondition, Network } from "./network.ts";
import type { SimulatedGuest } from "./simulated-guest.ts";
import type { SimulatedHost } from "./simulated-host.ts";

/** Something a host does to a call instead of simply answering it. */
export type CallFault =
  /** Answers only after `delayMs`. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Breaks the connection in the middle of the answer's frame; the call itself was done. */
  | { readonly kind: "drop-mid-frame" }
  /** Refuses with an error of libvirt's, and does nothing. */
  | { readonly kind: "refuse"; readonly error: LibvirtError }
  | TransferFault;

/** What goes wrong with a volume's content on its way, for `storageVolDownload` and `storageVolUpload`. */
export type TransferFault =
  /** Ends with an error once so many bytes have passed. */
  | { readonly kind: "fail-midway"; readonly afterBytes: number; readonly error: LibvirtError }
  /** Goes through to its end with one bit of the content changed. */
  | { readonly kind: "corrupt" };

/** Who dies while the guest stands still, and where the guest is found afterwards. */
export interface SwitchOverDeath {
  readonly dies: "source" | "destination";
  readonly guestEndsOn: "source" | "destination";
}

interface ArmedCallFault {
  readonly host: string;
  readonly procedure: ProcedureName;
  readonly fault: CallFault;
  left: number;
}

/**
 * The trouble a test or a demonstration can make. Call faults are armed for a number of calls and used up; the state of
 * hosts and links lasts until it is changed back.
 */
export class FaultBoard {
  readonly #calls: ArmedCallFault[] = [];
  readonly #deaths: { readonly guest: string; readonly death: SwitchOverDeath }[] = [];
  readonly #network: Network;
  readonly #host: (name: string) => SimulatedHost;
  readonly #setHostUp: (host: SimulatedHost, up: boolean) => void;
  readonly #setLibvirtd: (host: SimulatedHost, runs: boolean) => void;

  constructor(
    network: Network,
    host: (name: string) => SimulatedHost,
    setHostUp: (host: SimulatedHost, up: boolean) => void,
    setLibvirtd: (host: SimulatedHost, runs: boolean) => void,
  ) {
    this.#network = network;
    this.#host = host;
    this.#setHostUp = setHostUp;
    this.#setLibvirtd = setLibvirtd;
  }

  /** Lets the next `times` calls of `procedure` on `host` go wrong. */
  onCall(host: string, procedure: ProcedureName, fault: CallFault, times = 1): void {
    this.#host(host);
    this.#calls.push({ host, procedure, fault, left: times });
  }

  /** Takes back what is armed for calls and switch-overs and was not used up. */
  disarm(): void {
    this.#calls.length = 0;
    this.#deaths.length = 0;
  }

  /** The machine goes away: connections break, nobody reaches it, migrations to and from it fail. Its guests stay. */
  hostDown(name: string): void {
    this.#setHostUp(this.#host(name), false);
  }

  hostUp(name: string): void {
    this.#setHostUp(this.#host(name), true);
  }

  /**
   * libvirtd ends, as by `systemctl stop` or a crash; QEMU goes on. What becomes of migrations is what libvirt 9.0 does when
   * it starts again (`qemuProcessRecoverMigrationOut` and `…In`, qemu_process.c): see `SimulatedMigration.libvirtdDied`.
   */
  libvirtdDown(name: string): void {
    this.#setLibvirtd(this.#host(name), false);
  }

  libvirtdUp(name: string): void {
    this.#setLibvirtd(this.#host(name), true);
  }

  /** `reset` breaks migrations on the link at once, `silent` lets them hang until keepalive gives up, `up` mends it. */
  setLink(a: string, b: string, condition: LinkCondition): void {
    this.#network.setCondition(a, b, condition);
  }

  /** Changes what a link carries, running migrations included. */
  setLinkBandwidth(a: string, b: string, bandwidthMiBps: number): void {
    this.#network.setBandwidth(a, b, bandwidthMiBps);
  }

  /** Removes the guest from the host without an event, as if libvirtd had lost it. */
  forgetGuest(host: string, uuid: string): void {
    this.#host(host).forget(uuid);
  }

  /** In the guest's next switch-over one of the two hosts goes away, and the guest ends up where this says. */
  dieDuringSwitchOver(guestUuid: string, death: SwitchOverDeath): void {
    this.#deaths.push({ guest: guestUuid, death });
  }

  /** The error that the next call of `procedure` is to be refused with; used up by asking. */
  takeRefusal(host: string, procedure: ProcedureName): LibvirtError | null {
    const fault = this.#take(host, procedure, (candidate) => candidate.kind === "refuse");
    return fault?.kind === "refuse" ? fault.error : null;
  }

  /** What is to happen to the next answer to `procedure`; used up by asking. */
  takeReplyFault(host: string, procedure: ProcedureName): ReplyFault | null {
    const fault = this.#take(host, procedure, isReplyFault);
    return fault !== null && isReplyFault(fault) ? fault : null;
  }

  /** What is to happen to the content of the next transfer by `procedure`; used up by asking. */
  takeTransferFault(host: string, procedure: ProcedureName): TransferFault | null {
    const fault = this.#take(host, procedure, isTransferFault);
    return fault !== null && isTransferFault(fault) ? fault : null;
  }

  takeSwitchOverDeath(guest: SimulatedGuest): SwitchOverDeath | null {
    const index = this.#deaths.findIndex((armed) => armed.guest === guest.uuid);
    return this.#deaths.splice(index === -1 ? this.#deaths.length : index, 1)[0]?.death ?? null;
  }

  hostDied(host: SimulatedHost): void {
    this.#setHostUp(host, false);
  }

  #take(host: string, procedure: ProcedureName, fits: (fault: CallFault) => boolean): CallFault | null {
    const armed = this.#calls.find(
      (candidate) => candidate.host === host && candidate.procedure === procedure && fits(candidate.fault),
    );
    if (armed === undefined) return null;
    armed.left -= 1;
    if (armed.left <= 0) this.#calls.splice(this.#calls.indexOf(armed), 1);
    return armed.fault;
  }
}

type ReplyFault = Extract<CallFault, { kind: "delay" | "drop-mid-frame" }>;

function isReplyFault(fault: CallFault): fault is ReplyFault {
  return fault.kind === "delay" || fault.kind === "drop-mid-frame";
}

function isTransferFault(fault: CallFault): fault is TransferFault {
  return fault.kind === "fail-midway" || fault.kind === "corrupt";
}
