import type { LabHost } from "../lab/lab-host.ts";
import type { LabNetworkName } from "../lab/lab-network.ts";
import { type Fault, fault } from "./fault.ts";
import { freezeGuest, killGuest } from "./guest-faults.ts";
import { type CutMode, cutLink, delayLink, type LabLink, loseOnLink, resetLink } from "./link-faults.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";

/** Something that can die and stand still: a `RealService`, a `DroverProcess`, {@link libvirtdOf} a host. */
export interface Mortal {
  kill9(): Promise<void>;
  start(): void | Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** All the trouble that a lab, its servers and its Drover can be given, each undone by one call. */
export interface LabFaults extends AsyncDisposable {
  /** Kills them at once (SIGKILL). The undo starts them; a `DroverProcess` need not be ready then. */
  kill(what: string, ...mortals: readonly Mortal[]): Promise<Fault>;
  /** Stops them from running (SIGSTOP): connections stay open and nobody answers. */
  freeze(what: string, ...mortals: readonly Mortal[]): Fault;
  /** See {@link killGuest}. There is no undo. */
  killGuest(host: LabHost, name: string): Promise<void>;
  /** See {@link freezeGuest}. */
  freezeGuest(host: LabHost, name: string): Fault;
  /** See {@link cutLink}. */
  cut(link: LabLink, mode: CutMode): Promise<Fault>;
  /** See {@link resetLink}. There is no undo. */
  reset(link: LabLink): Promise<void>;
  /** See {@link loseOnLink}. */
  lose(link: LabLink, percent: number): Promise<Fault>;
  /** See {@link delayLink}. */
  delay(link: LabLink, delayMs: number): Promise<Fault>;
  /** Holds what a host sends on a network to a rate, MiB/s. */
  limit(host: LabHost, network: LabNetworkName, bandwidthMiBps: number): Promise<Fault>;
  /** See {@link mountSmallDisk}. */
  smallDisk(host: LabHost, path: string, options?: { readonly sizeKiB?: number }): Promise<SmallDisk>;
  /** The faults that hold now, in the order they were made. */
  readonly active: readonly Fault[];
  /** Undoes what holds, the last made first. Goes through all of them, and rejects with the first error. */
  undoAll(): Promise<void>;
}

/** Faults that are all undone with the returned object, should a test fail between making and undoing one. */
export function labFaults(): LabFaults {
  let active: readonly Fault[] = [];
  const held = (made: Fault): Fault => {
    const kept = fault(made.what, async () => {
      await made.undo();
      active = active.filter((one) => one !== kept);
    });
    active = [...active, kept];
    return kept;
  };
  const undoAll = async () => {
    const results: PromiseSettledResult<void>[] = [];
    for (const one of [...active].reverse()) results.push(...(await Promise.allSettled([one.undo()])));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  };
  return {
    kill: async (what, ...mortals) => {
      const start = () => Promise.all(mortals.map((mortal) => mortal.start()));
      const killed = held(fault(`${what} killed`, start));
      await Promise.all(mortals.map((mortal) => mortal.kill9()));
      return killed;
    },
    freeze: (what, ...mortals) => {
      for (const mortal of mortals) mortal.freeze();
      return held(
        fault(`${what} frozen`, () => {
          for (const mortal of mortals) mortal.thaw();
        }),
      );
    },
    killGuest,
    freezeGuest: (host, name) => held(freezeGuest(host, name)),
    cut: async (link, mode) => held(await cutLink(link, mode)),
    reset: resetLink,
    lose: async (link, percent) => held(await loseOnLink(link, percent)),
    delay: async (link, delayMs) => held(await delayLink(link, delayMs)),
    limit: async (host, network, bandwidthMiBps) => {
      await host.limitBandwidth(network, bandwidthMiBps);
      return held(
        fault(`${host.name} held to ${bandwidthMiBps} MiB/s on ${network}`, () => host.limitBandwidth(network, 0)),
      );
    },
    smallDisk: mountSmallDisk,
    get active() {
      return active;
    },
    undoAll,
    [Symbol.asyncDispose]: undoAll,
  };
}

/** A host's libvirtd as something that can die. Its guests do not. */
export function libvirtdOf(host: LabHost): Mortal {
  return {
    kill9: () => host.killLibvirtd(),
    start: () => host.startLibvirtd(),
    freeze: () => host.freezeLibvirtd(),
    thaw: () => host.thawLibvirtd(),
  };
}
