import type { CastContract } from "@drover/bus";
import {
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationTune,
  rollbackLiveMigration,
} from "@drover/contracts";
import { COPYING, DroverError, errorChain, type GuestStanding, isDroverError, type Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf, destinationOf } from "./agent-command.ts";
import { untilHostIsDown } from "./host-patience.ts";
import { askHost, runsElsewhere } from "./reconcile-migration.ts";
import { isStartOver } from "./start-over.ts";
import type { StepContext, StepResult } from "./step.ts";

/** A command that nobody took is sent again after these pauses, ms; the last one stays. */
const RESEND_MS = [1_000, 2_000, 4_000, 8_000] as const;

/**
 * One that the broker has is sent again all the same, in case it gets lost there, ms: seldom, since an agent that is away
 * finds all of them when it returns.
 */
const REPEAT_MS = [10_000, 20_000, 30_000] as const;

/** A source that fell silent is looked at a little after its time, ms. */
const SILENCE_MARGIN_MS = 2_000;

/**
 * An agent that lives is asked this often whether it still steers the copy, ms; and not before it was quiet so long, which the first
 * repetition of a request finds.
 */
const ASK_AGENT_MS = 30_000;
const QUIET_MS = 9_000;

/** A command that has not reached the agent by then is dropped by it, ms. */
const COMMAND_LIFE_MS = 30_000;

/**
 * Has the source's agent start the copy, and keeps it company: sends the start, an abort or a force-complete again
 * until a report answers. It never ends by itself; the agent's outcome moves the record on.
 *
 * @throws {DroverError} `agent-unreachable` when the start never reached the agent: nothing has begun.
 */
export async function moveGuest(context: StepContext, migration: Migration): Promise<StepResult> {
  if (COPYING.has(migration.state)) return await accompany(context, migration);
  const move = migration.outputs.move;
  if (move === undefined) {
    // The command is a fact in the record before it is sent: whoever goes on knows that it may be under way.
    const notAfterMs = context.clock.now().getTime() + context.config.start_timeout_s * 1000;
    return {
      kind: "again",
      change: { outputs: { ...migration.outputs, move: { generation: migration.generation, notAfterMs } } },
      message: `${migration.sourceHost} is asked to copy to ${destinationOf(migration)}`,
    };
  }
  const leftMs = move.notAfterMs - context.clock.now().getTime();
  if (leftMs < 0) return { kind: "lost", message: `${migration.sourceHost} did not say whether the copy began` };
  const againMs = await sendStart(context, migration, move);
  return { kind: "wait", ms: Math.min(againMs, leftMs + 1) };
}

async function sendStart(
  context: StepContext,
  migration: Migration,
  move: { readonly generation: number; readonly notAfterMs: number },
): Promise<number> {
  const destination = migration.outputs.destination;
  if (destination === undefined) throw new DroverError("internal", "the destination was not prepared");
  const destinationVersions = await versionsOf(context, destinationOf(migration));
  return await castToSource(context, migration, () =>
    context.bus.cast(
      liveMigration,
      {
        ...commandOf(migration),
        generation: move.generation,
        notAfterMs: move.notAfterMs,
        destinationHost: destinationOf(migration),
        destination,
        memoryKiB: migration.memoryKiB,
        policy: migration.policy,
        destinationVersions,
      },
      { server: migration.sourceHost, context: rpcContextOf(migration) },
    ),
  );
}

/** What the destination runs, as its agent last reported it. */
async function versionsOf({ store }: StepContext, host: string) {
  const facts = (await store.hosts.get(host))?.facts;
  return facts === undefined
    ? null
    : { hypervisorVersion: facts.hypervisorVersion, libvirtVersion: facts.libvirtVersion };
}

/** While libvirt copies: pending requests are sent again, and a source that fell silent is noticed. */
async function accompany(context: StepContext, migration: Migration): Promise<StepResult> {
  const nowMs = context.clock.now().getTime();
  const source = await context.store.hosts.get(migration.sourceHost);
  const silenceMs = nowMs - (source?.lastSeenAt.getTime() ?? 0);
  const limitMs = context.config.agent_silence_s * 1000;
  const isSilent = silenceMs > limitMs;
  // Nothing was heard of the copy for a while: the agent may live and yet have lost its state file. And one whose signs of
  // life do not come through may answer all the same.
  if (isSilent || nowMs - migration.updatedAt.getTime() > QUIET_MS) {
    const steered = await isSteered(context, migration);
    if (steered === "no") {
      return { kind: "lost", message: `the agent of ${migration.sourceHost} does not steer the copy any more` };
    }
    if (isSilent && steered === "silent") {
      return { kind: "lost", message: `the agent of ${migration.sourceHost} was not heard of for ${limitMs / 1000} s` };
    }
  }
  if (migration.requestAnswer === null) {
    const { abortRequestedAt, forceCompleteRequestedAt, forceCompleteMethod } = migration;
    if (abortRequestedAt !== null) {
      const asked = { requestedAtMs: abortRequestedAt.getTime() };
      return await sendRequest(context, migration, liveMigrationAbort, (command) => ({ ...command, ...asked }));
    }
    if (forceCompleteRequestedAt !== null) {
      const asked = { requestedAtMs: forceCompleteRequestedAt.getTime(), method: forceCompleteMethod };
      return await sendRequest(context, migration, liveMigrationForceComplete, (command) => ({ ...command, ...asked }));
    }
  }
  const { tuning } = migration;
  if (tuning !== null && tuning.answer === null) {
    const { number, bandwidthMiBps, downtimeMs } = tuning;
    const limits = { number, bandwidthMiBps, downtimeMs };
    return await sendRequest(context, migration, liveMigrationTune, (command) => ({ ...command, ...limits }));
  }
  const untilSilentMs = isSilent ? ASK_AGENT_MS : limitMs - silenceMs + SILENCE_MARGIN_MS;
  return { kind: "wait", ms: Math.min(ASK_AGENT_MS, untilSilentMs) };
}

/** "no" only when the agent itself says so; one that is silent is another matter. */
async function isSteered(context: StepContext, migration: Migration): Promise<"yes" | "no" | "silent"> {
  const answer = await askHost(context, migration, migration.sourceHost);
  if (answer.kind === "silent") return "silent";
  return answer.steering ? "yes" : "no";
}

async function sendRequest<Request>(
  context: StepContext,
  migration: Migration,
  contract: CastContract<Request>,
  requestOf: (command: ReturnType<typeof commandOf> & { readonly notAfterMs: number }) => Request,
): Promise<StepResult> {
  const notAfterMs = context.clock.now().getTime() + COMMAND_LIFE_MS;
  const ms = await castToSource(context, migration, () =>
    context.bus.cast(contract, requestOf({ ...commandOf(migration), notAfterMs }), {
      server: migration.sourceHost,
      context: rpcContextOf(migration),
    }),
  );
  return { kind: "wait", ms };
}

/** An agent that is away gets the command when it is back. Resolves with when to send it again, ms. */
async function castToSource(context: StepContext, migration: Migration, send: () => Promise<void>): Promise<number> {
  try {
    await send();
    return pauseOf(REPEAT_MS, context.waits);
  } catch (error) {
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "unavailable")) throw error;
    context.logger.warn(
      { migrationId: migration.uuid, host: migration.sourceHost, problem: errorChain(error) },
      "the source's agent did not get a command; it is sent again",
    );
    return pauseOf(RESEND_MS, context.waits);
  }
}

/** The pause after so many before it; the last of them is repeated. */
function pauseOf(pausesMs: readonly [number, ...number[]], waits: number): number {
  return pausesMs[Math.min(waits, pausesMs.length - 1)] ?? pausesMs[0];
}

/**
 * The undo, and only while nothing has arrived: the agent stops a copy that may have begun, runs a guest that the migration
 * had stopped, and forgets the migration. An agent that is away and never began is not waited for: there is nothing to
 * take back.
 *
 * The destination is asked first. A guest that stands still on the source runs again only where the destination has no copy
 * that runs or could: libvirt itself may not have learned how its switch-over ended.
 *
 * @throws {DroverError} `outcome-unknown` when the guest is not surely on the source; `unavailable` while it must not be
 *   resumed yet.
 */
export async function clearMove(context: StepContext, migration: Migration): Promise<string> {
  if (migration.outputs.move === undefined) return "no copy had been asked for";
  const host = migration.sourceHost;
  const proved = migration.proof?.finding;
  const elsewhere = proved === "foundElsewhere" || proved === "foundOff";
  const destination = await askHost(context, migration, destinationOf(migration));
  const there = destination.kind === "answered" ? destination : undefined;
  if (!elsewhere && there !== undefined && RUNS.has(there.standing)) {
    throw new DroverError(
      "outcome-unknown",
      `${migration.serverName} is ${there.standing} on ${destinationOf(migration)}`,
    );
  }
  const neverStarted = there?.standing === "paused-by-migration" && there.job === "none" && proved === "foundOnSource";
  const third = await runsElsewhere(context, migration, migration.destinationHost);
  const command = {
    ...commandOf(migration),
    stayed: proved === "foundOnSource" || elsewhere,
    mayResume: third === null && !elsewhere && there !== undefined && (GONE.has(there.standing) || neverStarted),
  };
  const clear = async () => {
    await context.bus.call(rollbackLiveMigration, command, {
      server: host,
      context: rpcContextOf(migration),
      signal: context.signal,
    });
    return `nothing of the copy is left on ${host}`;
  };
  if (isStartOver(migration, context.clock.now())) {
    const neverBegan = `${host} is down; it did not begin to copy, and will not any more`;
    return await untilHostIsDown(context, host, clear, neverBegan);
  }
  // A source that is gone for good is waited for, unless somebody has started its guest on a third host.
  if (third === null) return await clear();
  return await untilHostIsDown(context, host, clear, `${host} is down, and ${third} runs the guest`);
}

/** The destination has a copy with processors of its own. */
const RUNS: ReadonlySet<GuestStanding> = new Set(["running", "paused", "post-copy", "post-copy-broken"]);

/** It has none. */
const GONE: ReadonlySet<GuestStanding> = new Set(["absent", "off"]);
