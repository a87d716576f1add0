import { DroverError, type EliminatedHost, type HostWeight, type PreCheck, weightWords } from "@drover/model";
import type { MoveQuestion, SchedulerAnswer } from "./ask-hosts.ts";

// What a migration fails with, and a preflight says, in the same words.

export function cannotLeave(move: MoveQuestion, checks: readonly PreCheck[]): DroverError {
  const { uuid: migrationUuid, serverName, sourceHost: host } = move;
  const reasons = checks.map((check) => check.message).join("; ");
  return new DroverError("pre-check-failed", `${serverName} cannot leave ${host}: ${reasons}`, {
    details: { migrationUuid, host, checks },
  });
}

/** @param unnamed How many hosts fell out that are not in `eliminated`. */
export function noHostLeft(move: MoveQuestion, eliminated: readonly EliminatedHost[], unnamed = 0): DroverError {
  const { serverName, requestedHost: wanted } = move;
  const telling = wanted === null ? eliminated : eliminated.filter((entry) => entry.host === wanted);
  const reasons = reasonsOf(telling, unnamed);
  const details = { migrationUuid: move.uuid, eliminated, unnamed };
  return wanted === null
    ? new DroverError("no-eligible-host", `no host can take ${serverName} (${reasons})`, { details })
    : new DroverError("pre-check-failed", `${wanted} cannot take ${serverName} (${reasons})`, { details });
}

/** How many hosts a scheduler counted among those that fell out and did not name: it named some for each filter. */
export function unnamedOf({ eliminated, fellOut }: SchedulerAnswer): number {
  return fellOut === undefined ? 0 : Math.max(0, fellOut - new Set(eliminated.map(({ host }) => host)).size);
}

/** A sentence names so many; the error's details name more. */
const REASONS_SAID = 10;

export function reasonsOf(eliminated: readonly EliminatedHost[], unnamed = 0): string {
  const said = eliminated.slice(0, REASONS_SAID).map((entry) => `${entry.host}: ${entry.reason}`);
  const more = eliminated.length - said.length + unnamed;
  return [...said, ...(more > 0 ? [`and ${more} reasons more`] : [])].join("; ");
}

/** Why a host was preferred to the others that passed the scheduler's filters. */
export function whyPreferred(weights: readonly HostWeight[], candidates: number): string {
  if (candidates === 1) return "the only one that the scheduler let pass";
  if (weights.length === 0) return `the best of ${candidates} by the scheduler's weights`;
  return `weight ${weightWords(weights)}, of ${candidates} that the scheduler let pass`;
}
