import { TERMINAL } from "@drover/model";
import type { ChaosPlane } from "./chaos-plane.ts";
import { describe, type KnownGuest } from "./invariants.ts";

interface JournalText {
  readonly migrations: readonly {
    readonly migrationUuid: string;
    readonly serverName: string;
    readonly ended: { readonly outcome: string; readonly acknowledged: boolean } | null;
  }[];
  readonly prepared: readonly { readonly migrationUuid: string; readonly serverUuid: string }[];
}

/** A thing that is not settled; `rule` names the promise that it breaks when it stays so. */
export interface Unsettled {
  readonly rule: string;
  readonly what: string;
}

/** What must be true of a plane that was left alone for long enough. Empty when all of it is. */
export async function unsettled(
  plane: ChaosPlane,
  guests: readonly KnownGuest[],
  records: ReadonlyMap<string, { readonly id: number }>,
): Promise<readonly Unsettled[]> {
  const found: Unsettled[] = [];
  const nameOf = (migrationUuid: string) => `migration ${records.get(migrationUuid)?.id ?? "of nobody"}`;
  for (const { id, serverName, state, step, reason } of await plane.store.migrations.list({})) {
    if (TERMINAL.has(state)) continue;
    const rule = state === "error" ? "a person is needed only where libvirt left two halves" : "every migration ends";
    found.push({ rule, what: `migration ${id} of ${serverName} is ${state} at ${step}: ${reason}` });
  }
  for (const { migrationUuid, host } of await plane.store.claims.list()) {
    found.push({ rule: "no claim stays", what: `${nameOf(migrationUuid)} holds one on ${host}` });
  }
  for (const [host, disk] of plane.disks) {
    const journal: JournalText = JSON.parse(disk.text ?? `{"migrations":[],"prepared":[]}`);
    for (const { migrationUuid } of journal.prepared) {
      found.push({ rule: "nothing stays prepared", what: `${nameOf(migrationUuid)} on ${host}` });
    }
    for (const { migrationUuid, ended } of journal.migrations) {
      if (ended?.acknowledged === true) continue;
      const what = `${nameOf(migrationUuid)} on ${host} is ${ended === null ? "steered" : `told to nobody: ${ended.outcome}`}`;
      found.push({ rule: "every outcome is acknowledged", what });
    }
  }
  const truth = plane.fleet.guests();
  for (const guest of guests) {
    const here = truth.filter(({ uuid }) => uuid === guest.uuid);
    const where = here.map(describe).join(", ");
    if (here.length > 1) found.push({ rule: "no definition is left behind", what: `${guest.name} is ${where}` });
    if (!guest.paused && !here.some(({ running }) => running)) {
      found.push({ rule: "a guest is not left standing", what: `${guest.name} is ${where}` });
    }
  }
  return found;
}
