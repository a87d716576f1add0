import { findGuest } from "@drover/contracts";
import {
  errorChain,
  isActive,
  isDroverError,
  type Migration,
  type MigrationEvent,
  type ObservedGuest,
} from "@drover/model";
import type { MigrationChange } from "@drover/store";
import { rpcContextOf } from "../conductor-context.ts";
import { FIRST_STEP_AFTER_ARRIVAL } from "./live-migrate-order.ts";
import { transition } from "./record-change.ts";
import { isStartOver } from "./start-over.ts";
import type { StepContext } from "./step.ts";

/** What one host's libvirt says about the guest, or that nobody answered for it. */
export type HostAnswer =
  | { readonly kind: "silent"; readonly problem: string }
  | {
      readonly kind: "answered";
      readonly guest: ObservedGuest | null;
      readonly job: "none" | "outgoing" | "incoming" | "other";
      /** The host's agent steers this very migration: it will report how the copy ends. */
      readonly steering: boolean;
    };

/** What the answers prove; `unclear` proves nothing, and the record stays `unknown`. */
export type Finding =
  | {
      readonly kind: "proved";
      readonly event: MigrationEvent;
      readonly message: string;
      /** Proved without the source, since its time to begin is over. */
      readonly neverBegan?: boolean;
    }
  | { readonly kind: "unclear"; readonly message: string };

const ASK_AGAIN_MS = 2_000;

/**
 * Decides a record whose migration was lost sight of, from what both hosts run. libvirt is the truth; nothing is done
 * to any guest here.
 *
 * | source says | destination says | finding |
 * | --- | --- | --- |
 * | silent | anything, or the other way round | unclear: asked again |
 * | silent, and its time to begin is over | does not know the guest | `foundOnSource`: it never left |
 * | active, outgoing job, steered | not active, or active and waiting (paused, incoming) | `stillCopying` |
 * | paused, outgoing job, steered | running | `stillPostCopy` |
 * | active, outgoing job that no agent steers | anything | unclear: nobody would report its end, so it is asked for |
 * | active, no job | not active | `foundOnSource` |
 * | not active | active, no incoming job | `foundOnDestination` |
 * | not active | active, incoming job | unclear: the switch-over is being finished |
 * | not active | not active | `foundNowhere` |
 * | active, no job | active | unclear: two copies; an alarm, and a person decides |
 */
export function findingFrom(source: HostAnswer, destination: HostAnswer, startIsOver: boolean): Finding {
  if (destination.kind === "silent") return unclear(`the destination does not answer (${destination.problem})`);
  if (source.kind === "silent") {
    return startIsOver && destination.guest === null && destination.job === "none"
      ? {
          ...proved("foundOnSource", `its agent is away and did not begin to copy in time (${source.problem})`),
          neverBegan: true,
        }
      : unclear(`the source does not answer (${source.problem})`);
  }
  const onSource = source.guest !== null && isActive(source.guest.powerState);
  const onDestination = destination.guest !== null && isActive(destination.guest.powerState);
  if (onSource && source.job === "outgoing") {
    if (!source.steering)
      return unclear("libvirt still copies, and the source's agent does not steer it; its end is waited for");
    const postCopy = source.guest.powerState === "paused" && destination.guest?.powerState === "running";
    return postCopy
      ? proved("stillPostCopy", "the guest runs on the destination and its memory is still being copied")
      : proved("stillCopying", "libvirt is still copying; the guest runs on the source");
  }
  if (onSource && onDestination) return unclear("both hosts run the guest: a person must decide which one is right");
  if (onSource) return proved("foundOnSource", "the guest runs on the source and nothing is being copied");
  if (onDestination) {
    return destination.job === "incoming"
      ? unclear("the destination is finishing the switch-over")
      : proved("foundOnDestination", "the guest runs on the destination and not on the source");
  }
  return proved(
    "foundNowhere",
    "neither host runs the guest; look at both hosts' definitions and start it where it belongs",
  );
}

/** Asks both hosts and writes what their answers prove. @throws {DroverError} `conflict` when a report came first. */
export async function reconcileMigration(
  context: StepContext,
  migration: Migration,
): Promise<{ readonly kind: "look-again" } | { readonly kind: "wait"; readonly ms: number }> {
  const [source, destination] = await Promise.all([
    askHost(context, migration, migration.sourceHost),
    migration.destinationHost === null
      ? ({ kind: "answered", guest: null, job: "none", steering: false } as const)
      : askHost(context, migration, migration.destinationHost),
  ]);
  const finding = findingFrom(source, destination, isStartOver(migration, context.clock.now()));
  if (finding.kind === "unclear") {
    if (migration.reason !== finding.message) {
      const log = { event: "reconcile", message: finding.message };
      await context.store.migrations.update(migration.uuid, migration, { reason: finding.message }, log);
    }
    return { kind: "wait", ms: ASK_AGAIN_MS };
  }
  const log = { event: finding.event, message: finding.message };
  await transition(context, migration, [finding.event], changeFor(finding, migration), log);
  context.logger.info({ finding: finding.event }, "an unknown migration was decided from what both hosts run");
  return { kind: "look-again" };
}

function changeFor(
  { event, message, neverBegan = false }: Finding & { kind: "proved" },
  migration: Migration,
): MigrationChange {
  switch (event) {
    case "foundOnDestination":
      return { outcome: "arrived", step: FIRST_STEP_AFTER_ARRIVAL, reason: null, failure: null };
    case "foundOnSource": {
      if (migration.abortRequestedAt !== null) return { outcome: "stayed", failure: null };
      const failure = neverBegan
        ? { code: "agent-unreachable" as const, message: `${migration.sourceHost}: ${message}`, details: {} }
        : { code: "outcome-unknown" as const, message: migration.reason ?? message, details: {} };
      return { outcome: "stayed", failure };
    }
    case "foundNowhere":
      return { reason: message };
    default:
      return { reason: null };
  }
}

async function askHost(context: StepContext, migration: Migration, host: string): Promise<HostAnswer> {
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

function proved(event: MigrationEvent, message: string): Finding & { kind: "proved" } {
  return { kind: "proved", event, message };
}

function unclear(message: string): Finding {
  return { kind: "unclear", message };
}
