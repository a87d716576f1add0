import { type Domain, isLibvirtError, type JobStats, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { type Clock, DroverError, errorChain, type Logger, type SerializedError, serializeError } from "@drover/model";
import type { JournalEntry } from "../journal/journal-entry.ts";
import { domainOf, readWhereabouts, unlessGone } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { tlsAdvice } from "../tls/tls-advice.ts";
import { type DecidedOutcome, decideOutcome, type EndFacts, type GuestHere } from "./decide-outcome.ts";
import { jobStanding } from "./job-reading.ts";

/** The start call's answer; `not-seen` when its connection broke, or an earlier process had made it. */
export type Performed =
  | { readonly kind: "succeeded" | "not-seen" }
  | { readonly kind: "refused"; readonly error: unknown };

export interface EndingCopy {
  readonly entry: JournalEntry;
  /** Why it was to be aborted, where libvirt's answer to that is not known. */
  readonly abortInDoubt: JournalEntry["stopped"];
  readonly performed: Performed;
  /** libvirt was seen copying. */
  readonly seen: boolean;
  /** Resolves with the job-completed event, if one comes. */
  readonly completed: Promise<JobStats>;
  readonly link: LibvirtLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface SettledEnd extends DecidedOutcome {
  /** What this agent did to end it, if anything. */
  readonly stopped: EndFacts["stopped"];
  readonly guest: GuestHere;
  /** Why it did not arrive; null when it did. */
  readonly error: SerializedError | null;
  /** libvirt's last numbers, where they are known. */
  readonly stats: JobStats | undefined;
}

/** libvirt tells the last numbers by an event on another connection; it is worth this much waiting, ms. */
const LAST_NUMBERS_MS = 1_000;
/** How long the end is asked for while libvirtd is away, ms. Then the outcome is `unknown`, and the conductor asks. */
const SETTLE_MS = 60_000;
const ASK_AGAIN_MS = 250;

/**
 * Finds out how a copy ended, from the start call's answer, the job's end and where the guest is now. A guest that we had
 * suspended runs again at once where libvirt says that the copy was called off: then no destination has all of its memory.
 * After any other failure libvirt itself may not know what the destination did, and the conductor, which asks it, has the
 * guest resumed. Rejects only when the agent stops meanwhile.
 */
export async function settleEnd(copy: EndingCopy): Promise<SettledEnd> {
  const guest = await askWhereabouts(copy);
  const stats = await lastStats(copy, guest);
  const job = endOf(stats);
  const stopped = copy.entry.stopped ?? (saidFailed(copy.performed, job) ? null : copy.abortInDoubt);
  const facts: EndFacts = { perform: copy.performed.kind, job, guest, stopped };
  const decided = decideOutcome(facts);
  copy.logger.info({ ...facts, outcome: decided.outcome, cause: decided.cause }, "the migration has ended");
  if (decided.outcome === "stayed" && copy.entry.suspended && wasCalledOff(copy.performed)) await resumeGuest(copy);
  return { ...decided, guest, stopped, error: errorOf(copy, decided), stats };
}

async function askWhereabouts({ entry, link, clock, signal }: EndingCopy): Promise<GuestHere> {
  const untilMs = clock.monotonicMs() + SETTLE_MS;
  for (;;) {
    try {
      return await readWhereabouts(link.questions, domainOf(entry));
    } catch {
      if (clock.monotonicMs() >= untilMs) return "unreachable";
      await clock.sleep(ASK_AGAIN_MS, signal);
    }
  }
}

/** The event first; for a guest that is still here, libvirt's memory of the job, if it was ours. */
async function lastStats(copy: EndingCopy, guest: GuestHere): Promise<JobStats | undefined> {
  const { entry, link, clock, signal, seen } = copy;
  const waited = new AbortController();
  const patience = clock.sleep(seen ? LAST_NUMBERS_MS : 0, AbortSignal.any([signal, waited.signal])).then(
    () => undefined,
    () => undefined,
  );
  const event = await Promise.race([copy.completed, patience]);
  waited.abort();
  if (event !== undefined) return event;
  if (!seen || guest === "gone" || guest === "unreachable") return undefined;
  try {
    const remembered = await link.questions.domain.getCompletedJobStats(domainOf(entry), { keep: true });
    return remembered.operation === "migration-out" ? remembered : undefined;
  } catch {
    return undefined;
  }
}

function endOf(stats: JobStats | undefined): EndFacts["job"] {
  if (stats === undefined) return "not-seen";
  const standing = jobStanding(stats);
  return standing === "completed" || standing === "failed" || standing === "cancelled" ? standing : "not-seen";
}

/** libvirt named another reason than an abort: it is not to be taken for one that it may not have obeyed. */
function saidFailed(performed: Performed, job: EndFacts["job"]): boolean {
  if (job === "cancelled") return false;
  return performed.kind === "refused" ? !wasCalledOff(performed) : job === "failed";
}

/** "canceled by client": QEMU was stopped before it had sent everything. */
function wasCalledOff(performed: Performed): boolean {
  return performed.kind === "refused" && isLibvirtError(performed.error, "VIR_ERR_OPERATION_ABORTED");
}

/** libvirt may have done it already, and a person may have paused it before: only what we paused is resumed. */
async function resumeGuest({ entry, link, logger }: EndingCopy): Promise<void> {
  const domain: Domain = domainOf(entry);
  try {
    const state = await unlessGone(link.questions.domain.getState(domain));
    if (state?.state !== VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED) return;
    await link.control.domain.resume(domain);
    logger.info({}, "the guest that was suspended to complete the migration runs again");
  } catch (err) {
    logger.error({ err }, "the guest was suspended to complete the migration and could not be resumed");
  }
}

function errorOf({ entry, performed }: EndingCopy, decided: DecidedOutcome): SerializedError | null {
  if (decided.outcome === "arrived") return null;
  const cause = performed.kind === "refused" ? performed.error : undefined;
  const encrypted = entry.flags.some((flag) => flag.name === "VIR_MIGRATE_TLS");
  const advice = tlsAdvice(errorChain(cause), encrypted);
  const helps = advice === undefined ? "" : `; ${advice}`;
  const doing = `moving ${entry.serverName} to ${entry.destinationHost}: ${decided.reason}${helps}`;
  const code = decided.outcome === "unknown" ? "outcome-unknown" : cause === undefined ? "internal" : "libvirt";
  const libvirt = isLibvirtError(cause) ? cause.details : {};
  return serializeError(new DroverError(code, doing, { cause, details: { ...libvirt, said: errorChain(cause) } }));
}
