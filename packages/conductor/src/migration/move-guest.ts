import {
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  rollbackLiveMigration,
} from "@drover/contracts";
import { COPYING, DroverError, errorChain, isDroverError, type Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf, destinationOf } from "./agent-command.ts";
import { untilHostIsDown } from "./host-patience.ts";
import { isStartOver } from "./start-over.ts";
import type { StepContext, StepResult } from "./step.ts";

/** A command that nobody took is sent again after this, ms. */
const RESEND_MS = 2_000;

/**
 * One that the broker has is sent again all the same, in case it gets lost there, ms: seldom, since an agent that is away
 * finds all of them when it returns.
 */
const REPEAT_MS = 10_000;

/** An agent that lives is asked this often whether it still steers the copy, ms; and not before it was quiet so long. */
const ASK_AGENT_MS = 30_000;
const QUIET_MS = 10_000;

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
      },
      { server: migration.sourceHost, context: rpcContextOf(migration) },
    ),
  );
}

/** While libvirt copies: pending requests are sent again, and a source that fell silent is noticed. */
async function accompany(context: StepContext, migration: Migration): Promise<StepResult> {
  const nowMs = context.clock.now().getTime();
  // Nothing was heard of the copy for a while: the agent may live and yet have lost its state file.
  if (nowMs - migration.updatedAt.getTime() > QUIET_MS && !(await isSteered(context, migration))) {
    return { kind: "lost", message: `the agent of ${migration.sourceHost} does not steer the copy any more` };
  }
  if (migration.requestAnswer === null) {
    if (migration.abortRequestedAt !== null) return await sendRequest(context, migration, liveMigrationAbort);
    if (migration.forceCompleteRequestedAt !== null) {
      return await sendRequest(context, migration, liveMigrationForceComplete);
    }
  }
  const source = await context.store.hosts.get(migration.sourceHost);
  const silenceMs = nowMs - (source?.lastSeenAt.getTime() ?? 0);
  const limitMs = context.config.agent_silence_s * 1000;
  if (silenceMs > limitMs) {
    return { kind: "lost", message: `the agent of ${migration.sourceHost} was not heard of for ${limitMs / 1000} s` };
  }
  return { kind: "wait", ms: Math.min(ASK_AGENT_MS, limitMs - silenceMs + RESEND_MS) };
}

/** False only when the agent itself says so; one that is silent is another matter. */
async function isSteered(context: StepContext, migration: Migration): Promise<boolean> {
  try {
    const { steering } = await context.bus.call(
      findGuest,
      { serverUuid: migration.serverUuid, migrationUuid: migration.uuid },
      { server: migration.sourceHost, context: rpcContextOf(migration), signal: context.signal },
    );
    return steering;
  } catch (error) {
    if (context.signal.aborted) throw error;
    return true;
  }
}

async function sendRequest(
  context: StepContext,
  migration: Migration,
  request: typeof liveMigrationAbort | typeof liveMigrationForceComplete,
): Promise<StepResult> {
  const notAfterMs = context.clock.now().getTime() + COMMAND_LIFE_MS;
  const ms = await castToSource(context, migration, () =>
    context.bus.cast(
      request,
      { ...commandOf(migration), notAfterMs },
      { server: migration.sourceHost, context: rpcContextOf(migration) },
    ),
  );
  return { kind: "wait", ms };
}

/** An agent that is away gets the command when it is back. Resolves with when to send it again, ms. */
async function castToSource(context: StepContext, migration: Migration, send: () => Promise<void>): Promise<number> {
  try {
    await send();
    return REPEAT_MS;
  } catch (error) {
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "unavailable")) throw error;
    context.logger.warn(
      { migrationId: migration.uuid, host: migration.sourceHost, problem: errorChain(error) },
      "the source's agent did not get a command; it is sent again",
    );
    return RESEND_MS;
  }
}

/**
 * The undo, and only while the guest is on the source: the agent stops a copy that may have begun, runs a guest that it
 * had paused, and forgets the migration. An agent that is away and never began is not waited for: there is nothing to
 * take back.
 *
 * @throws {DroverError} `outcome-unknown` when the guest is not surely on the source.
 */
export async function clearMove(context: StepContext, migration: Migration): Promise<string> {
  if (migration.outputs.move === undefined) return "no copy had been asked for";
  const host = migration.sourceHost;
  const done = `${migration.serverName} runs on ${host} as before`;
  const clear = async () => {
    await context.bus.call(rollbackLiveMigration, commandOf(migration), {
      server: host,
      context: rpcContextOf(migration),
      signal: context.signal,
    });
    return done;
  };
  if (!isStartOver(migration, context.clock.now())) return await clear();
  return await untilHostIsDown(
    context,
    host,
    clear,
    `${host} is down; it did not begin to copy, and will not any more`,
  );
}
