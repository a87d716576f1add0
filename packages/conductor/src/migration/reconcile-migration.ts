import { findGuest } from "@drover/contracts";
import {
  errorChain,
  type GuestStanding,
  type HostWord,
  isActive,
  isDroverError,
  type Migration,
  type MigrationEvent,
  type MigrationProof,
  nextState,
  RECONCILED,
  type SerializedError,
  wasHeardOf,
} from "@drover/model";
import type { MigrationChange } from "@drover/store";
import { rpcContextOf } from "../conductor-context.ts";
import type { Waker } from "../work/migration-signals.ts";
import { FIRST_STEP_AFTER_ARRIVAL, STEP_OF_THE_COPY } from "./live-migrate-order.ts";
import { transition } from "./record-change.ts";
import { resumePostCopy } from "./resume-post-copy.ts";
import { isStartOver } from "./start-over.ts";
import type { StepContext } from "./step.ts";

/** What one host's libvirt says about the guest, or that nobody answered for it. */
export type HostAnswer =
  | { readonly kind: "silent"; readonly problem: string }
  | {
      readonly kind: "answered";
      readonly standing: GuestStanding;
      readonly job: "none" | "outgoing" | "incoming" | "other";
      /** The host's agent steers this very migration: it will report how the copy ends. */
      readonly steering: boolean;
      /** The start command that the host's agent has in its file, if it has one. */
      readonly known?: { readonly generation: number; readonly destinationHost: string } | null;
      /** When that agent was last told that the records were written. */
      readonly recordsSeenAtMs?: number;
    };

type Answered = HostAnswer & { readonly kind: "answered" };

export interface WhatIsKnown {
  readonly source: HostAnswer;
  readonly destination: HostAnswer;
  /** A third host that is up and runs the guest: somebody moved it there without Drover. */
  readonly elsewhere: string | null;
  /** The source's time to begin is over, and it never said that it had: see `isStartOver`. */
  readonly startIsOver: boolean;
}

/** What the answers prove; `unclear` proves nothing yet, and both hosts are asked again. */
export type Finding =
  | { readonly kind: "proved"; readonly event: MigrationEvent; readonly message: string; readonly neverBegan?: boolean }
  | { readonly kind: "unclear"; readonly message: string };

type Proved = Finding & { readonly kind: "proved" };

/**
 * Decides a migration in doubt from what both hosts' libvirtds say; it acts on nothing.
 *
 * What a pre-copy leaves to reason with: the destination's copy is not started before the source's has stopped with all of
 * its memory sent, and libvirt takes the source's copy away only after that. So a copy that *runs* is always the newest, and
 * a copy that stands still beside it is a remnant; but two that run, or two that stand still and were both started, prove
 * nothing. In post-copy neither host has a whole guest.
 *
 * | source | destination | finding |
 * | --- | --- | --- |
 * | post-copy broken, or left in post-copy | off or absent | `foundNowhere`: the memory that had arrived is lost |
 * | off or absent | post-copy broken | `foundNowhere`: the memory that had not arrived is lost |
 * | post-copy broken | post-copy | unclear: libvirt lost its other half, and QEMU may copy on |
 * | post-copy broken (on either) | otherwise | `postCopyBroken`: neither copy may be ended |
 * | running or paused, outgoing job, steered | anything | `stillCopying` |
 * | left in post-copy, outgoing job, steered | anything | `stillPostCopy` |
 * | any, outgoing job that no agent steers | anything | unclear: its end is waited for |
 * | running | running, post-copy, or paused by a person | `foundOnBoth` |
 * | running | off or absent; never started, with no job | `foundOnSource` |
 * | running | silent | `foundOnSource`: nothing is being copied, and libvirt lets only one of both run |
 * | paused, by whomever | anything, and a third host runs it | `foundOnBoth`: a person has started it there |
 * | paused, by whomever | running, no job | `foundOnDestination`; the source's copy is a remnant |
 * | paused, by whomever | absent; never started, with no job | `foundOnSource` |
 * | paused, by whomever | off: it has run there | `foundOnBoth`: a person undefines the one that is wrong |
 * | paused, by whomever | paused by a person | `foundOnBoth`: both were started once, and neither runs |
 * | left in post-copy, no job | running, no job | `foundOnDestination` |
 * | off, absent or silent | running, no job | `foundOnDestination` |
 * | off or absent | paused by a person, no job | `foundOnDestination`: it was moved standing still |
 * | off or absent | never started, no job | `foundNowhere`: it may lack memory |
 * | off or absent | off or absent | `foundElsewhere` if a third host runs it; `foundOff` where it is off; else `foundNowhere` |
 * | silent | off or absent, and a third host runs it | `foundElsewhere` |
 * | silent, and its time to begin is over | absent | `foundOnSource`: it never left |
 * | anything else, and any job on the destination | | unclear: asked again |
 *
 * What is done about a finding is in {@link changeFor}.
 */
export function findingFrom(known: WhatIsKnown): Finding {
  const { source, destination } = known;
  if (source.kind === "silent" || destination.kind === "silent") return fromOne(known);
  return fromPostCopy(source, destination) ?? fromJob(source) ?? fromBoth(source, destination, known);
}

function fromOne({ source, destination, elsewhere, startIsOver }: WhatIsKnown): Finding {
  if (source.kind === "answered") {
    if (source.job === "outgoing") return fromJob(source) ?? unclear("the destination does not answer");
    if (source.standing === "running")
      return proved("foundOnSource", "the guest runs on the source and nothing is being copied");
    return unclear(`the destination does not answer (${problemOf(destination)})`);
  }
  if (destination.kind === "silent") return unclear(`neither host answers (${source.problem})`);
  if (destination.standing === "running" && destination.job === "none") {
    return proved("foundOnDestination", "the guest runs on the destination; its source does not answer");
  }
  if (elsewhere !== null && isGone(destination)) {
    return proved("foundElsewhere", `the guest runs on ${elsewhere}; its source does not answer`);
  }
  if (!startIsOver || destination.standing !== "absent")
    return unclear(`the source does not answer (${source.problem})`);
  const message = `its agent is away and did not begin to copy in time (${source.problem})`;
  return { ...proved("foundOnSource", message), neverBegan: true };
}

function fromPostCopy(source: Answered, destination: Answered): Finding | undefined {
  const broken = source.standing === "post-copy-broken" || destination.standing === "post-copy-broken";
  const left = source.standing === "post-copy-broken" || source.standing === "left-in-post-copy";
  if (left && isGone(destination)) {
    return proved(
      "foundNowhere",
      "the guest ended on the destination in post-copy: the memory that had arrived is lost",
    );
  }
  if (!broken) return undefined;
  if (isGone(source)) {
    return proved("foundNowhere", "the source ended in post-copy: the memory that had not arrived is lost");
  }
  if (source.standing === "running") return both(source, destination);
  if (destination.standing === "running" && destination.job === "none") return undefined;
  // Seen when the destination's libvirtd restarts: it lost the source's, and the two QEMUs copy on by themselves.
  if (destination.standing === "post-copy") return unclear("libvirt lost sight of the post-copy; QEMU may still copy");
  return proved(
    "postCopyBroken",
    "the link broke in post-copy and the guest's memory is on both hosts: mend it and resume the copy; end neither",
  );
}

function fromJob({ job, steering, standing }: Answered): Finding | undefined {
  if (job !== "outgoing") return undefined;
  if (!steering)
    return unclear("libvirt still copies, and the source's agent does not steer it; its end is waited for");
  return standing === "left-in-post-copy"
    ? proved("stillPostCopy", "the guest runs on the destination and its memory is still being copied")
    : proved("stillCopying", "libvirt is still copying; the guest is on the source");
}

function fromBoth(source: Answered, destination: Answered, known: WhatIsKnown): Finding {
  if (destination.job !== "none") return unclear("the destination's libvirt is still busy with the copy");
  switch (source.standing) {
    case "running":
      return isGone(destination) || destination.standing === "paused-by-migration"
        ? proved("foundOnSource", "the guest runs on the source and nothing is being copied")
        : both(source, destination);
    case "paused":
    case "paused-by-migration":
      return fromPausedSource(source, destination, known);
    case "left-in-post-copy":
    case "post-copy-broken":
      return destination.standing === "running"
        ? proved("foundOnDestination", "the guest runs on the destination with all of its memory")
        : unclear("the destination is finishing post-copy");
    case "off":
    case "absent":
      return fromLeftSource(source, destination, known);
    case "post-copy":
      return unclear("the source takes the guest in by post-copy itself");
  }
}

function fromPausedSource(source: Answered, destination: Answered, { elsewhere }: WhatIsKnown): Finding {
  if (elsewhere !== null) {
    const message = `the guest stands still on the source, and ${elsewhere} runs it: end the copy that is wrong`;
    return proved("foundOnBoth", message);
  }
  if (destination.standing === "running") {
    return proved(
      "foundOnDestination",
      "the guest runs on the destination; what stands still on the source is a remnant",
    );
  }
  if (destination.standing === "absent" || destination.standing === "paused-by-migration") {
    return proved("foundOnSource", "the guest stands still on the source, and was never started on the destination");
  }
  // A definition comes with a copy that has arrived: it ran there, and what stands still here is older.
  return destination.standing === "paused" || destination.standing === "off"
    ? both(source, destination)
    : unclear("the destination is finishing the copy");
}

function fromLeftSource(source: Answered, destination: Answered, { elsewhere }: WhatIsKnown): Finding {
  if (destination.standing === "running" || destination.standing === "paused") {
    return proved(
      "foundOnDestination",
      `the guest is ${destination.standing} on the destination and not on the source`,
    );
  }
  if (!isGone(destination)) {
    return proved(
      "foundNowhere",
      "the destination's copy was never started and may lack memory, and the source's is gone",
    );
  }
  if (elsewhere !== null)
    return proved("foundElsewhere", `the guest runs on ${elsewhere}: it was moved outside Drover`);
  if (source.standing === "off" && destination.standing === "off") {
    return proved(
      "foundOff",
      "the guest is shut off on both hosts: what is on the destination may be newer, and stays there",
    );
  }
  if (source.standing === "off") return proved("foundOff", "the guest was shut off while it was moved, on its source");
  if (destination.standing === "off") return proved("foundOff", "the guest is shut off, on the destination");
  return proved("foundNowhere", "neither host knows the guest: look for it on other hosts, or define it anew");
}

function both(source: Answered, destination: Answered): Finding {
  return proved(
    "foundOnBoth",
    `the guest is ${source.standing} on the source and ${destination.standing} on the destination: ` +
      "end the copy that is wrong; Drover goes on by itself then",
  );
}

/** No processors are left of it there. */
function isGone({ standing }: Answered): boolean {
  return standing === "off" || standing === "absent";
}

function problemOf(answer: HostAnswer): string {
  return answer.kind === "silent" ? answer.problem : answer.standing;
}

function proved(event: MigrationEvent, message: string): Proved {
  return { kind: "proved", event, message };
}

function unclear(message: string): Finding {
  return { kind: "unclear", message };
}

/** Asked again so soon while an answer may come any moment, and so late where a person has to act first, ms. */
const ASK_AGAIN_MS = 2_000;
const ASK_PATIENTLY_MS = 5_000;

/**
 * Asks both hosts and writes what their answers prove, the answers with it. Works on `unknown`, on a broken post-copy, and
 * on `error`, which a person leaves by mending it on the hosts. Nothing is done to any guest here: the steps that follow
 * act, on the proof in the record.
 *
 * @throws {DroverError} `conflict` when a report came first.
 */
export async function reconcileMigration(
  context: StepContext,
  migration: Migration,
): Promise<
  { readonly kind: "look-again" } | { readonly kind: "wait"; readonly ms: number; readonly wakers: readonly Waker[] }
> {
  const { source, destination, destinationHost } = await askBoth(context, migration);
  const finding = findingFrom({
    source,
    destination,
    elsewhere: await runsElsewhere(context, migration, destinationHost),
    startIsOver: isStartOver(migration, context.clock.now()),
  });
  const hosts = destinationHost === null ? [migration.sourceHost] : [migration.sourceHost, destinationHost];
  const wakers = hosts.map((host): Waker => `host ${host}`);
  const events = finding.kind === "proved" ? arrowsTo(migration, finding.event) : undefined;
  if (finding.kind === "unclear" || events === undefined) {
    if (migration.reason !== finding.message) {
      const log = { event: "reconcile", message: finding.message };
      await context.store.migrations.update(migration.uuid, migration, { reason: finding.message }, log);
    } else if (finding.kind === "proved" && finding.event === "postCopyBroken")
      await resumePostCopy(context, migration);
    return { kind: "wait", ms: migration.state === "unknown" ? ASK_AGAIN_MS : ASK_PATIENTLY_MS, wakers };
  }
  const proof: MigrationProof = {
    at: context.clock.now().toISOString(),
    finding: finding.event,
    message: finding.message,
    source: wordOf(migration.sourceHost, source),
    destination: destinationHost === null ? null : wordOf(destinationHost, destination),
  };
  const change = { ...changeFor(finding, migration, source), destinationHost, proof };
  const after = await transition(context, migration, events, change, {
    event: finding.event,
    message: finding.message,
  });
  context.logger.info({ finding: finding.event, proof }, "a migration in doubt was decided from what both hosts run");
  return RECONCILED.has(after.state) ? { kind: "wait", ms: ASK_PATIENTLY_MS, wakers } : { kind: "look-again" };
}

/** By way of `unknown` from where the table has no such arrow; undefined where the record is there already. */
function arrowsTo(migration: Migration, event: MigrationEvent): readonly MigrationEvent[] | undefined {
  if (nextState("unknown", event) === migration.state) return undefined;
  switch (migration.state) {
    case "error":
      return ["reopen", event];
    case "unknown":
      return [event];
    default:
      return ["lose", event];
  }
}

/** What is recorded of a finding; the steps that follow from it do the rest. */
function changeFor(finding: Proved, migration: Migration, source: HostAnswer): MigrationChange {
  const known = source.kind === "answered" ? (source.known ?? null) : null;
  // A record that was restored may not know of the start that its agent has: reports are recognised by it.
  const move =
    known === null ? migration.outputs.move : { notAfterMs: 0, ...migration.outputs.move, ...generationOf(known) };
  const outputs = move === undefined ? {} : { outputs: { ...migration.outputs, move } };
  switch (finding.event) {
    case "foundOnDestination":
      return { ...outputs, outcome: "arrived", step: FIRST_STEP_AFTER_ARRIVAL, reason: null, failure: null };
    case "foundOnSource":
    case "foundOff":
    case "foundElsewhere": {
      const step = move === undefined ? {} : { step: STEP_OF_THE_COPY };
      const aborted = finding.event === "foundOnSource" && migration.abortRequestedAt !== null;
      // The doubt came later than what had failed before it, and is settled: the first reason is the one that tells.
      const failure = aborted ? null : (migration.failure ?? failureOf(finding, migration));
      const reason = aborted ? `aborted on request of ${migration.abortRequestedBy}` : (failure?.message ?? null);
      return { ...outputs, ...step, outcome: "stayed", failure, reason };
    }
    case "stillCopying":
    case "stillPostCopy":
      return { ...outputs, reason: null };
    default:
      return { reason: finding.message };
  }
}

function generationOf({ generation }: { readonly generation: number }): { readonly generation: number } {
  return { generation };
}

function failureOf({ event, message, neverBegan = false }: Proved, migration: Migration): SerializedError {
  if (neverBegan) return { code: "agent-unreachable", message: `${migration.sourceHost}: ${message}`, details: {} };
  // On the source as before: why it was in doubt tells more than that it is well.
  const telling = event === "foundOnSource" ? (migration.reason ?? message) : `${migration.serverName}: ${message}`;
  return { code: "outcome-unknown", message: telling, details: {} };
}

/** The destination is the one that the source's agent was told, where a restored record has another one, or none. */
async function askBoth(
  context: StepContext,
  migration: Migration,
): Promise<{ source: HostAnswer; destination: HostAnswer; destinationHost: string | null }> {
  const recorded = migration.destinationHost;
  const askRecorded = recorded === null ? NOWHERE : askHost(context, migration, recorded);
  const [source, destination] = await Promise.all([askHost(context, migration, migration.sourceHost), askRecorded]);
  const known = source.kind === "answered" ? source.known?.destinationHost : undefined;
  if (known === undefined || known === recorded) return { source, destination, destinationHost: recorded };
  return { source, destination: await askHost(context, migration, known), destinationHost: known };
}

/** No destination was chosen, as far as anybody knows. */
const NOWHERE: HostAnswer = { kind: "answered", standing: "absent", job: "none", steering: false };

/** What one host says of the migration's guest now. Rejects only when the record has changed or we stop. */
export async function askHost(context: StepContext, migration: Migration, host: string): Promise<HostAnswer> {
  try {
    const answer = await context.bus.call(
      findGuest,
      { serverUuid: migration.serverUuid, migrationUuid: migration.uuid },
      { server: host, context: rpcContextOf(migration), signal: context.signal },
    );
    return { kind: "answered", ...answer };
  } catch (error) {
    if (context.signal.aborted || isDroverError(error, "conflict")) throw error;
    return { kind: "silent", problem: errorChain(error) };
  }
}

/**
 * A third host that runs the guest, by what its agent reports; null if none does. One that was forced down counts as long as its
 * agent is heard of: that somebody says it is off is no proof that nothing runs there.
 */
export async function runsElsewhere(
  { store, clock }: StepContext,
  { serverUuid, sourceHost }: Migration,
  destinationHost: string | null,
): Promise<string | null> {
  for (const { host, powerState } of await store.guests.byServer(serverUuid)) {
    if (host === sourceHost || host === destinationHost || !isActive(powerState)) continue;
    const known = await store.hosts.get(host);
    if (known !== undefined && wasHeardOf(known, clock.now())) return host;
  }
  return null;
}

function wordOf(host: string, answer: HostAnswer): HostWord {
  return answer.kind === "silent"
    ? { host, standing: "silent", job: "none" }
    : { host, standing: answer.standing, job: answer.job };
}
