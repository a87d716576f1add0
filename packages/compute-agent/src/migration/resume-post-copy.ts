import { type MigrationParams, VIR_MIGRATE } from "@drover/libvirt";
import { type Clock, DroverError, type Logger } from "@drover/model";
import type { JournalEntry } from "../journal/journal-entry.ts";
import { domainOf, standingOf, unlessGone } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { migrateArguments } from "./migrate-call.ts";

export interface BrokenCopy {
  readonly entry: JournalEntry;
  readonly link: LibvirtLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * By then libvirt goes on, or does not answer at all, ms. Seen with QEMU 7.2 under TCG when the link broke in post-copy's
 * first second: the destination's QEMU does not answer its monitor any more, and the call hangs in the destination's libvirtd.
 */
const BEGIN_MS = 30_000;
const LOOK_MS = 250;

/** Of the start call's flags those that libvirt wants again; nothing else can be chosen anew. */
const FLAGS_AGAIN =
  VIR_MIGRATE.VIR_MIGRATE_LIVE |
  VIR_MIGRATE.VIR_MIGRATE_PEER2PEER |
  VIR_MIGRATE.VIR_MIGRATE_PERSIST_DEST |
  VIR_MIGRATE.VIR_MIGRATE_UNDEFINE_SOURCE |
  VIR_MIGRATE.VIR_MIGRATE_TLS |
  VIR_MIGRATE.VIR_MIGRATE_POSTCOPY;

/**
 * Goes on with a post-copy whose link broke (`VIR_MIGRATE_POSTCOPY_RESUME`, libvirt 8.5), on a connection of its own;
 * resolves when the guest has all of its memory on the destination. `began` is called once, when the copy goes on.
 *
 * Nothing is lost when this rejects: the copy is as broken as before, and may be resumed again.
 *
 * @throws {DroverError} `refused` when the guest is not in a broken post-copy here; `deadline-exceeded` when libvirt did not
 *   begin in time. {@link LibvirtError} with libvirt's own words.
 */
export async function resumePostCopy(copy: BrokenCopy, began: () => void): Promise<void> {
  const { entry, link, clock, signal } = copy;
  const standing = await standingHere(copy);
  if (standing !== "post-copy-broken") {
    throw new DroverError(
      "refused",
      `resuming the post-copy of ${entry.serverName}: it is ${standing} on the source; QEMU may not have noticed yet that the link broke`,
    );
  }
  const { flags, params } = resumeArguments(entry);
  const ended = new AbortController();
  const call = link.migrate(domainOf(entry), entry.destination.libvirtUri, params, flags, {
    signal: AbortSignal.any([signal, ended.signal]),
  });
  let over = false;
  const answered = call.finally(() => {
    over = true;
  });
  // It is awaited below; until then nobody may call its rejection unhandled.
  answered.catch(() => {});
  const untilMs = clock.monotonicMs() + BEGIN_MS;
  while (!over && (await standingHere(copy).catch(() => "unreachable")) !== "left-in-post-copy") {
    if (clock.monotonicMs() >= untilMs) {
      ended.abort();
      throw new DroverError(
        "deadline-exceeded",
        `resuming the post-copy of ${entry.serverName}: libvirt did not begin within ${BEGIN_MS / 1000} s. If the link works ` +
          `again, the QEMU on ${entry.destinationHost} may hang: see whether \`virsh qemu-monitor-command\` there is answered`,
      );
    }
    await Promise.race([answered.catch(() => {}), clock.sleep(LOOK_MS, signal)]);
  }
  if (!over) began();
  await answered;
}

async function standingHere({ entry, link }: BrokenCopy): Promise<string> {
  const state = await unlessGone(link.questions.domain.getState(domainOf(entry)));
  return state === null ? "absent" : standingOf(state);
}

/** The call that resumes: the start call's addresses, and of its flags those that count again. */
export function resumeArguments({ flags: chosen }: Pick<JournalEntry, "flags">): {
  readonly flags: number;
  readonly params: MigrationParams;
} {
  const { flags, params } = migrateArguments(chosen);
  const { migrateUri, listenAddress, tlsDestination } = params;
  return {
    flags: (flags & FLAGS_AGAIN) | VIR_MIGRATE.VIR_MIGRATE_POSTCOPY | VIR_MIGRATE.VIR_MIGRATE_POSTCOPY_RESUME,
    params: {
      ...(migrateUri === undefined ? {} : { migrateUri }),
      ...(listenAddress === undefined ? {} : { listenAddress }),
      ...(tlsDestination === undefined ? {} : { tlsDestination }),
    },
  };
}
