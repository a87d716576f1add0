import { type JobStats, VIR_DOMAIN_MIGRATE_MAX_SPEED } from "@drover/libvirt";
import { errorChain, type Logger, type MigrationNumbers, type PolicyStep } from "@drover/model";
import type { JournalEntry } from "../journal/journal-entry.ts";
import { domainOf } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { copiedDisksKiB } from "../storage/disk-flags.ts";
import type { CopyCommands, CopyPhase } from "./copy-commands.ts";
import { decisionNumbers } from "./decision-numbers.ts";
import { type DowntimeStep, downtimeAt, downtimeRamp } from "./downtime-ramp.ts";
import { dueAction } from "./due-action.ts";
import { dueStep } from "./due-step.ts";
import { permitsPostCopy } from "./migrate-call.ts";
import { countAnew, nothingSeen, observeIteration, stalledIterations } from "./stall.ts";

/** The copy as its policy sees it. */
export interface KeptCopy {
  readonly link: LibvirtLink;
  readonly logger: Logger;
  readonly commands: CopyCommands;
  readonly entry: JournalEntry;
  readonly phase: CopyPhase;
  /** Changes the entry; resolves true when it is on disk, false when it could not be written. */
  note(change: Partial<JournalEntry>): Promise<boolean>;
  /** Reports a decision, with the numbers it was taken on. */
  decided(message: string, numbers: MigrationNumbers): void;
}

/** New limits, as a person asked for them; null leaves one as it is. */
export interface AskedLimits {
  readonly bandwidthMiBps: number | null;
  readonly downtimeMs: number | null;
}

/** What the time limit asks for and libvirt refuses is tried again after this, ms of the copy's own time. */
const LIMIT_AGAIN_MS = 10_000;

/** What libvirt takes for "no limit": its own default (QEMU_DOMAIN_MIG_BANDWIDTH_MAX, 9.0); 0 is no number of QEMU's for it. */
const NO_LIMIT_MIBPS = 8_796_093_022_207;

/**
 * Keeps one copy to its policy: the downtime steps, the schedule, the time limit; and what a person set instead, which goes
 * before both. What was done is in the journal, so that a restarted agent goes on from there. Nothing here waits for anybody
 * but libvirt.
 */
export class PolicyKeeper {
  readonly #copy: KeptCopy;
  readonly #ramp: readonly DowntimeStep[];
  #stall = nothingSeen;
  #downtimeLimitMs = 0;
  #diskBytes = 0;
  /** Of the copy's own time: before it, the time limit's action is not tried again. */
  #limitAgainAtMs = 0;

  constructor(copy: KeptCopy) {
    this.#copy = copy;
    this.#ramp = downtimeRamp(copy.entry.policy, copy.entry.memoryKiB);
  }

  /** The standstill that is allowed now, ms; 0 before the first reading. */
  get downtimeLimitMs(): number {
    return this.#downtimeLimitMs;
  }

  /** Allows the standstill that is due. A step that libvirt refuses counts as taken, as in Nova; the next one tries again. */
  async raiseDowntime(stats: JobStats): Promise<void> {
    const { entry, phase } = this.#copy;
    this.#diskBytes = stats.diskTotalBytes ?? 0;
    if (stats.memoryIteration !== undefined) {
      const remainingBytes = stats.memoryRemainingBytes ?? 0;
      this.#stall = observeIteration(this.#stall, { iteration: stats.memoryIteration, remainingBytes });
    }
    const set = entry.tuned.downtimeMs ?? entry.steppedDowntimeMs;
    const dueMs = set ?? downtimeAt(this.#ramp, stats.elapsedMs ?? 0);
    if (phase !== "copying" || (set === null ? dueMs <= this.#downtimeLimitMs : dueMs === this.#downtimeLimitMs))
      return;
    if (this.#downtimeLimitMs > 0 && set === null) {
      this.#decided(`the standstill's next step: ${dueMs} ms are allowed`, stats);
    }
    await this.#setDowntime(dueMs).catch((err: unknown) => {
      this.#copy.logger.warn({ err, downtimeMs: dueMs }, "libvirt did not take the allowed standstill");
    });
  }

  /**
   * Why the policy has called it off, as far as the journal tells: an agent that died with the call may not have had libvirt's
   * answer to it.
   */
  get abortInDoubt(): JournalEntry["stopped"] {
    const { limitActed, policy, stepsTaken } = this.#copy.entry;
    const byLimit = limitActed && policy.timeoutAction === "abort";
    return byLimit || policy.schedule[stepsTaken - 1]?.do === "abort" ? "time-limit" : null;
  }

  /** Does what the schedule and the time limit ask for now. */
  async act(stats: JobStats): Promise<void> {
    await this.#takeSteps(stats);
    await this.#keepTimeLimit(stats);
  }

  /**
   * Sets the limits that a person asked for. They stay, also after a restart: the downtime steps are over, and the schedule
   * does not change what a person has set.
   *
   * @returns What was done, as a sentence for the record.
   * @throws What libvirt refused with; then nothing is kept.
   */
  async tune({ bandwidthMiBps, downtimeMs }: AskedLimits): Promise<string> {
    const before = this.#copy.entry.tuned;
    const tuned = {
      bandwidthMiBps: bandwidthMiBps ?? before.bandwidthMiBps,
      downtimeMs: downtimeMs ?? before.downtimeMs,
    };
    if (!(await this.#copy.note({ tuned }))) {
      await this.#copy.note({ tuned: before });
      throw new Error("the agent's state file cannot be written: is its disk full?");
    }
    try {
      const said: string[] = [];
      if (bandwidthMiBps !== null) said.push(await this.#setBandwidth(bandwidthMiBps));
      if (downtimeMs !== null) said.push(await this.#setDowntime(downtimeMs));
      return said.join("; ");
    } catch (error) {
      await this.#copy.note({ tuned: before });
      throw error;
    }
  }

  async #takeSteps(stats: JobStats): Promise<void> {
    for (;;) {
      const { entry, phase } = this.#copy;
      const settled =
        phase !== "copying" || entry.stopped !== null || entry.suspended || entry.limitActed || !memoryMoves(stats);
      const due = dueStep(entry.policy, {
        elapsedMs: stats.elapsedMs ?? 0,
        memoryKiB: copiedKiB(entry),
        stalledIterations: stalledIterations(this.#stall),
        stepsTaken: entry.stepsTaken,
        settled,
      });
      if (due === undefined) return;
      const name = `step ${due.number} of the policy, ${due.step.do}`;
      const obstacle = this.#obstacleTo(due.step);
      this.#decided(`${name}: ${obstacle ?? due.because}`, stats);
      // First, so that after a crash it is not done twice; what a crash loses here, the time limit makes good.
      await this.#copy.note({ stepsTaken: due.number });
      this.#stall = countAnew(this.#stall);
      if (obstacle !== undefined) continue;
      const done = await this.#take(due.step).catch((error: unknown) => {
        this.#decided(`${name} was refused: ${errorChain(error)}`, stats);
        return "refused" as const;
      });
      if (done === "settled") return;
    }
  }

  /** Why a step is passed over; undefined when it can be done. */
  #obstacleTo(step: PolicyStep): string | undefined {
    const { entry } = this.#copy;
    const byPerson = "passed over, a person has set it";
    if (step.do === "downtime" && entry.tuned.downtimeMs !== null) return byPerson;
    if (step.do === "bandwidth" && entry.tuned.bandwidthMiBps !== null) return byPerson;
    if (step.do === "post-copy" && !permitsPostCopy(entry.flags)) {
      return "passed over, the copy was not started so that it can be switched";
    }
    return undefined;
  }

  async #take(step: PolicyStep): Promise<"done" | "settled" | "refused"> {
    const { commands, entry, note } = this.#copy;
    switch (step.do) {
      case "downtime": {
        const downtimeMs = step.downtimeMs ?? entry.policy.downtimeMs;
        await note.call(this.#copy, { steppedDowntimeMs: downtimeMs });
        await this.#setDowntime(downtimeMs);
        return "done";
      }
      case "bandwidth":
        await this.#setBandwidth(step.bandwidthMiBps ?? entry.policy.bandwidthMiBps);
        return "done";
      case "abort":
        return (await commands.abort("policy")) ? "settled" : "refused";
      default:
        return (await commands.forceComplete("policy", step.do)) ? "settled" : "refused";
    }
  }

  async #keepTimeLimit(stats: JobStats): Promise<void> {
    const { commands, entry } = this.#copy;
    const { policy, stopped, suspended } = entry;
    const memoryKiB = copiedKiB(entry);
    const elapsedMs = stats.elapsedMs ?? 0;
    // What the journal has of it an earlier process may have died with before libvirt heard of it: both can be repeated.
    const acted = commands.isUnderWay || elapsedMs < this.#limitAgainAtMs || stopped !== null || suspended;
    const postCopy = this.#copy.phase === "post-copy";
    const action = dueAction(policy, { elapsedMs, memoryKiB, postCopy, acted });
    if (action === "none") return;
    this.#decided(`the policy's time limit has passed after ${Math.round(elapsedMs / 1000)} s: ${action}`, stats);
    await this.#copy.note({ limitActed: true });
    this.#limitAgainAtMs = elapsedMs + LIMIT_AGAIN_MS;
    await (action === "abort" ? commands.abort("policy") : commands.forceComplete("policy", null));
  }

  async #setDowntime(downtimeMs: number): Promise<string> {
    const { link, entry, phase } = this.#copy;
    if (phase === "post-copy") return "the guest has been switched over: no standstill is left to be limited";
    this.#downtimeLimitMs = downtimeMs;
    await link.control.migration.setMaxDowntime(domainOf(entry), downtimeMs);
    return `a standstill of ${downtimeMs} ms is allowed`;
  }

  /** In post-copy another limit holds (libvirt 5.1.0). A block job's own limit cannot be changed while its guest migrates. */
  async #setBandwidth(bandwidthMiBps: number): Promise<string> {
    const { link, entry, phase } = this.#copy;
    const { VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY } = VIR_DOMAIN_MIGRATE_MAX_SPEED;
    const flags = phase === "post-copy" ? VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY : 0;
    const speed = bandwidthMiBps === 0 ? NO_LIMIT_MIBPS : bandwidthMiBps;
    await link.control.migration.setMaxSpeed(domainOf(entry), speed, flags);
    const limit =
      bandwidthMiBps === 0 ? "memory is sent without a limit" : `memory is sent at up to ${bandwidthMiBps} MiB/s`;
    return this.#diskBytes > 0 ? `${limit}, disks as before: libvirt does not change their speed meanwhile` : limit;
  }

  #decided(message: string, stats: JobStats): void {
    const own = { downtimeLimitMs: this.#downtimeLimitMs, stalledIterations: stalledIterations(this.#stall) };
    this.#copy.decided(message, decisionNumbers(stats, own));
  }
}

function memoryMoves(stats: JobStats): boolean {
  return (stats.memoryTotalBytes ?? 0) > 0;
}

/** What time limits are scaled by: the disks that are copied count as memory does. */
function copiedKiB({ memoryKiB, destination }: JournalEntry): number {
  return memoryKiB + copiedDisksKiB(destination.disks ?? []);
}
