import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CONSOLE_FOLDER } from "../lab/host-files.ts";
import type { LabHost } from "../lab/lab-host.ts";
import { waitFor } from "../wait-for.ts";
import { type ConsoleReport, parseConsole, parseDiskChecksums } from "./console-report.ts";
import { type CompleteGuestSpec, type GuestSpec, guestDefinition } from "./guest-definition.ts";
import { guestImage } from "./guest-image.ts";

/** A guest of a lab. It knows where it was defined, not where it runs now: ask the host's libvirtd, or its console. */
export interface LabGuest {
  readonly name: string;
  readonly uuid: string;
  readonly spec: CompleteGuestSpec;
  /** The host it was defined on. */
  readonly origin: LabHost;
  /** The path of its console's file for a host, in the root mount namespace. It exists once the guest has run there. */
  consolePath(host: LabHost): string;
  /** All complete reports it made on a host, in order. Empty if it never ran there. */
  reports(host: LabHost): ConsoleReport[];
  /** What a disk held by SHA-256, for each time that it read all of it on a host; see `readDisks`. */
  diskChecksums(host: LabHost, disk: string): string[];
  /** The latest report it made on a host. @default host: where it was defined */
  readConsole(host?: LabHost): ConsoleReport | undefined;
  /** Resolves with the first report on a host whose counter is at least `counter`. */
  waitForCounter(
    counter: number,
    options?: { readonly host?: LabHost; readonly deadlineMs?: number },
  ): Promise<ConsoleReport>;
  /**
   * Resolves once the guest's program has checked its whole memory at least once more on a host, from the first report
   * it makes there after now, with the report that shows it. `badPages` is 0 if all of it is right.
   */
  waitForFullCheck(host: LabHost, options?: { readonly deadlineMs?: number }): Promise<ConsoleReport>;
  /** Starts it on the host it was defined on. */
  start(): Promise<void>;
}

/** Defines a guest on a host, without starting it. */
export async function defineGuest(host: LabHost, spec: GuestSpec): Promise<LabGuest> {
  const complete: CompleteGuestSpec = {
    uuid: randomUUID(),
    memoryMiB: 256,
    workingSetMiB: 64,
    dirtyMiBps: 0,
    verifyMiBps: 16,
    seed: 1,
    devicesXml: "",
    readDisks: [],
    ...spec,
  };
  const file = join(host.folders.root, `${complete.name}.xml`);
  await writeFile(file, guestDefinition(complete, await guestImage()));
  await host.virsh("define", file);
  return labGuest(host, complete);
}

/**
 * Defines and starts a guest; resolves when its program has filled its memory and made its first report.
 *
 * @param options.deadlineMs How long that may take. @default 60000
 */
export async function startGuest(
  host: LabHost,
  spec: GuestSpec,
  options: { readonly deadlineMs?: number } = {},
): Promise<LabGuest> {
  const guest = await defineGuest(host, spec);
  await guest.start();
  try {
    await guest.waitForCounter(1, { deadlineMs: BOOTED_WITHIN_MS });
  } catch {
    await host.virsh("destroy", spec.name);
    await guest.start();
    await guest.waitForCounter(1, options);
  }
  return guest;
}

/**
 * A guest reports 6 s after its start on an idle machine. Seen once in hundreds of starts, on a loaded one: an emulated
 * guest that said nothing for a minute. It is started once more, before anything is asked of it.
 */
const BOOTED_WITHIN_MS = 30_000;

/** The guest with this specification, which was defined on a host before, maybe by another process. */
export function labGuest(origin: LabHost, spec: CompleteGuestSpec): LabGuest {
  const consolePath = (host: LabHost) => join(host.folders.log, basename(CONSOLE_FOLDER), `${spec.name}.log`);
  const reports = (host: LabHost) => parseConsole(readIfPresent(consolePath(host)));
  const readConsole = (host = origin) => reports(host).at(-1);
  return {
    name: spec.name,
    uuid: spec.uuid,
    spec,
    origin,
    consolePath,
    reports,
    diskChecksums: (host, disk) => parseDiskChecksums(readIfPresent(consolePath(host)), disk),
    readConsole,
    waitForCounter: (counter, { host = origin, deadlineMs = 60_000 } = {}) =>
      waitFor(
        `guest ${spec.name} to report ${counter} on ${host.name}`,
        () => reports(host).find((report) => report.counter >= counter),
        { deadlineMs, intervalMs: 100 },
      ),
    waitForFullCheck: async (host, { deadlineMs = 60_000 } = {}) => {
      const before = reports(host).length;
      // Pages are checked in a circle, so any stretch of that many checks has been at every page.
      const pageCount = spec.workingSetMiB * 256;
      return waitFor(
        `guest ${spec.name} to check its memory on ${host.name}`,
        () => {
          const since = reports(host).slice(before);
          const first = since[0];
          return first && since.find((report) => report.verifiedPages - first.verifiedPages >= pageCount);
        },
        { deadlineMs, intervalMs: 200 },
      );
    },
    start: async () => {
      await origin.virsh("start", spec.name);
    },
  };
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
