import { isLibvirtError, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { errorChain, type ForceCompleteMethod } from "@drover/model";
import type { JournalEntry } from "../journal/journal-entry.ts";
import { domainOf } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { permitsPostCopy } from "./migrate-call.ts";

/** `starting` until libvirt shows the copy; `post-copy` once the guest runs on the destination. */
export type CopyPhase = "starting" | "copying" | "post-copy" | "ended";

export type CommandedBy = "request" | "policy";

/** The copy as its commands see it. */
export interface CommandedCopy {
  readonly link: LibvirtLink;
  readonly entry: JournalEntry;
  readonly phase: CopyPhase;
  /** Memory has begun to move: before, QEMU refuses the switch to post-copy. */
  readonly memoryMoves: boolean;
  /** libvirt has nothing under way any more: what became of the guest is being found out. */
  readonly isOver: boolean;
  /** Changes the entry; resolves true when it is on disk, false when it could not be written. */
  note(change: Partial<JournalEntry>): Promise<boolean>;
  /** Reports what became of a command. */
  answer(event: CommandAnswer, message: string): void;
}

export type CommandAnswer = "abort-sent" | "abort-refused" | "force-complete-sent" | "force-complete-refused";

interface WaitingCommand {
  readonly command: "abort" | "force-complete";
  readonly by: CommandedBy;
  readonly method: ForceCompleteMethod | null;
}

/**
 * Abort and force-complete of one copy. They go to libvirt at once, on the control connection, behind nobody's polls.
 * Only where libvirt has no job yet, or is away, a command waits, and {@link retry} sends it. Every command is answered
 * by a report.
 */
export class CopyCommands {
  readonly #copy: CommandedCopy;
  #waiting: WaitingCommand | undefined;
  /** An abort was asked for and was not refused: its answer is given or on its way. */
  #aborting = false;
  #calledOff = false;
  /** libvirt's answers that are still to come. */
  readonly #unanswered = new Set<Promise<boolean>>();

  constructor(copy: CommandedCopy) {
    this.#copy = copy;
  }

  /** Calls the copy off. Only the copy's end tells whether libvirt could. Resolves false when it was refused. Never rejects. */
  async abort(by: CommandedBy): Promise<boolean> {
    const { phase } = this.#copy;
    this.#aborting = true;
    if (phase === "post-copy") {
      return this.#refuse("abort", "the guest already runs on the destination (post-copy)");
    }
    if (phase === "ended") return this.#refuse("abort", "the migration has already ended");
    return await this.#untilAnswered(this.#askToAbort(by));
  }

  async #askToAbort(by: CommandedBy): Promise<boolean> {
    const { link, entry } = this.#copy;
    try {
      await link.control.domain.abortJob(domainOf(entry));
    } catch (error) {
      // No job: it has not begun, or it is over and the start call's answer is on its way.
      if (!waitsForJob(error)) return this.#refuse("abort", `libvirt refused: ${errorChain(error)}`);
      if (this.#waiting?.command === "force-complete") {
        this.#refuse("force-complete", "the migration is being aborted");
      }
      this.#waiting = { command: "abort", by, method: null };
      return true;
    }
    // After the call: an abort must not wait for a disk. Before its answer: lost in a crash between, the command comes again.
    await this.#copy.note({ stopped: stoppedBy(by) });
    this.#done(
      "abort-sent",
      by === "request" ? "libvirt was asked to abort" : "libvirt was asked to abort, by the policy",
    );
    return true;
  }

  async #untilAnswered(answer: Promise<boolean>): Promise<boolean> {
    this.#unanswered.add(answer);
    try {
      return await answer;
    } finally {
      this.#unanswered.delete(answer);
    }
  }

  /**
   * Resolves when libvirt has answered what it was asked: the end of a copy that it calls off may be seen before that. Never
   * rejects.
   */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#unanswered);
  }

  /** An abort was sent, or a command waits for libvirt: nothing else is to be asked for. */
  get isUnderWay(): boolean {
    return this.#aborting || this.#waiting !== undefined;
  }

  /** An abort that libvirt may have obeyed although its answer was lost, or that an agent which then died had sent. */
  get abortInDoubt(): JournalEntry["stopped"] {
    return this.#waiting?.command === "abort" ? stoppedBy(this.#waiting.by) : null;
  }

  /**
   * As abort, for a rollback, which may be repeated: asks libvirt at most once, and not at all where the copy is being
   * aborted or has ended, so that no second answer hides that of the abort. Never rejects.
   */
  async callOff(): Promise<void> {
    const { entry, phase } = this.#copy;
    if (this.#calledOff || this.#aborting || entry.stopped !== null || phase === "ended") return;
    this.#calledOff = true;
    await this.abort("request");
  }

  /**
   * Completes the copy whatever the standstill: by `method`, or by post-copy where the start permitted it and otherwise by
   * suspending. Resolves false when it was refused.
   */
  async forceComplete(by: CommandedBy, method: ForceCompleteMethod | null): Promise<boolean> {
    const { entry, phase } = this.#copy;
    const refused = this.#whyNotForced(method);
    if (refused !== undefined) return this.#refuse("force-complete", refused);
    if (phase === "post-copy") {
      this.#done("force-complete-sent", "the copy is in post-copy already");
      return true;
    }
    if (!this.#copy.memoryMoves) {
      this.#waiting = { command: "force-complete", by, method };
      return true;
    }
    try {
      const how = method ?? (permitsPostCopy(entry.flags) ? "post-copy" : "pause");
      return await this.#untilAnswered(how === "post-copy" ? this.#switchToPostCopy() : this.#suspend());
    } catch (error) {
      return this.#refuse("force-complete", `libvirt refused: ${errorChain(error)}`);
    }
  }

  #whyNotForced(method: ForceCompleteMethod | null): string | undefined {
    const { entry, phase, isOver } = this.#copy;
    if (phase === "ended") return "the migration has already ended";
    if (this.#aborting || entry.stopped !== null) return "the migration is being aborted";
    if (isOver) return "the migration has already ended";
    if (method === "pause" && phase === "post-copy") return "the guest already runs on the destination (post-copy)";
    if (method !== "post-copy" || permitsPostCopy(entry.flags)) return undefined;
    return "the copy was not started so that it can be switched to post-copy";
  }

  #refuse(command: WaitingCommand["command"], reason: string): false {
    this.#done(`${command}-refused`, reason);
    return false;
  }

  /** Sends the command that waits, if one does. Never rejects. */
  async retry(): Promise<void> {
    if (this.#waiting === undefined) return;
    const { command, by, method } = this.#waiting;
    await (command === "abort" ? this.abort(by) : this.forceComplete(by, method));
  }

  /**
   * Answers a command that still waits when the copy has ended.
   *
   * @param stopped Why it was called off, if it was.
   */
  end(stopped: JournalEntry["stopped"]): void {
    if (this.#waiting === undefined) return;
    if (this.#waiting.command === "abort" && stopped !== null) {
      this.#done("abort-sent", "libvirt has called the copy off");
      return;
    }
    this.#refuse(this.#waiting.command, "the migration ended before libvirt could be asked");
  }

  async #switchToPostCopy(): Promise<true> {
    await this.#copy.link.control.migration.startPostCopy(domainOf(this.#copy.entry));
    this.#done("force-complete-sent", "the copy is switched to post-copy");
    return true;
  }

  async #suspend(): Promise<boolean> {
    const { link, entry } = this.#copy;
    const { state } = await link.control.domain.getState(domainOf(entry));
    if (state === VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED) {
      // Not noted where it was not us: a guest that a person paused must not be set running when it stays.
      this.#done("force-complete-sent", `the guest is ${entry.suspended ? "suspended" : "paused"} already`);
      return true;
    }
    // On disk first: a guest that we suspended must run again if it stays, whatever happens to us meanwhile.
    if (!(await this.#copy.note({ suspended: true }))) {
      await this.#copy.note({ suspended: false });
      return this.#refuse("force-complete", "the agent's state file cannot be written: is its disk full?");
    }
    // Called off meanwhile, or over: it would stand still for nothing.
    const refused = this.#whyNotForced("pause");
    if (refused !== undefined) {
      await this.#copy.note({ suspended: false });
      return this.#refuse("force-complete", refused);
    }
    await link.control.domain.suspend(domainOf(entry));
    this.#done("force-complete-sent", "the guest is suspended until its memory has arrived");
    return true;
  }

  #done(event: CommandAnswer, message: string): void {
    if (this.#waiting !== undefined && event.startsWith(this.#waiting.command)) this.#waiting = undefined;
    // Whoever wants it all the same may ask again.
    if (event === "abort-refused") this.#aborting = this.#calledOff = false;
    this.#copy.answer(event, message);
  }
}

function stoppedBy(by: CommandedBy): NonNullable<JournalEntry["stopped"]> {
  return by === "request" ? "requested" : "time-limit";
}

function waitsForJob(error: unknown): boolean {
  return !isLibvirtError(error) || isLibvirtError(error, "VIR_ERR_OPERATION_INVALID");
}
