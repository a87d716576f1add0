import { VIR_DOMAIN_PAUSED_REASON } from "@drover/libvirt";
import type { GuestTruth } from "@drover/libvirt-sim";
import { isActive, isHostUp, TERMINAL } from "@drover/model";
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

/** States in which a record says that it waits for a person. */
const FOR_A_PERSON: ReadonlySet<string> = new Set(["post-copy-paused", "error"]);

/** Its post-copy broke: half of its memory is here, half there, and only a person can decide. */
function isInTwoHalves(truth: readonly GuestTruth[], uuid: string): boolean {
  const { VIR_DOMAIN_PAUSED_POSTCOPY_FAILED } = VIR_DOMAIN_PAUSED_REASON;
  return truth.some(
    (guest) => guest.uuid === uuid && guest.paused && guest.reason === VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
  );
}

/** A guest that a person had paused stands still on both hosts: both were started once, and nobody can tell them apart. */
function standsStillTwice(truth: readonly GuestTruth[], guest: KnownGuest | undefined): boolean {
  return guest?.paused === true && truth.filter(({ uuid, paused }) => uuid === guest.uuid && paused).length > 1;
}

/** Only a person can go on with this guest. */
export function needsAPerson(truth: readonly GuestTruth[], guest: KnownGuest): boolean {
  return isInTwoHalves(truth, guest.uuid) || standsStillTwice(truth, guest);
}

/** What must be true of a plane that was left alone for long enough. Empty when all of it is. */
export async function unsettled(
  plane: ChaosPlane,
  guests: readonly KnownGuest[],
  records: ReadonlyMap<string, { readonly id: number }>,
): Promise<readonly Unsettled[]> {
  const found: Unsettled[] = [];
  const nameOf = (migrationUuid: string) => `migration ${records.get(migrationUuid)?.id ?? "of nobody"}`;
  const truth = plane.fleet.guests();
  const halved = new Set<string>();
  for (const { uuid, id, serverUuid, serverName, state, step, reason } of await plane.store.migrations.list({})) {
    if (TERMINAL.has(state)) continue;
    const guest = guests.find((known) => known.uuid === serverUuid);
    const inTwoHalves = guest !== undefined && needsAPerson(truth, guest);
    if (inTwoHalves) halved.add(uuid);
    if (inTwoHalves && FOR_A_PERSON.has(state)) continue;
    const rule = inTwoHalves
      ? "a broken post-copy is told as what it is"
      : state === "error"
        ? "a person is needed only where libvirt left two halves"
        : "every migration ends";
    found.push({ rule, what: `migration ${id} of ${serverName} is ${state} at ${step}: ${reason}` });
  }
  for (const { migrationUuid, host } of await plane.store.claims.list()) {
    if (halved.has(migrationUuid)) continue;
    found.push({ rule: "no claim stays", what: `${nameOf(migrationUuid)} holds one on ${host}` });
  }
  for (const [host, disk] of plane.disks) {
    const journal: JournalText = JSON.parse(disk.text ?? `{"migrations":[],"prepared":[]}`);
    for (const { migrationUuid } of journal.prepared) {
      if (halved.has(migrationUuid)) continue;
      found.push({ rule: "nothing stays prepared", what: `${nameOf(migrationUuid)} on ${host}` });
    }
    for (const { migrationUuid, ended } of journal.migrations) {
      if (ended?.acknowledged === true) continue;
      const what = `${nameOf(migrationUuid)} on ${host} is ${ended === null ? "steered" : `told to nobody: ${ended.outcome}`}`;
      found.push({ rule: "every outcome is acknowledged", what });
    }
  }
  for (const guest of guests) {
    if (needsAPerson(truth, guest)) continue;
    const here = truth.filter(({ uuid }) => uuid === guest.uuid);
    const where = here.map(describe).join(", ");
    if (here.length > 1) found.push({ rule: "no definition is left behind", what: `${guest.name} is ${where}` });
    if (!guest.paused && !here.some(({ running }) => running)) {
      found.push({ rule: "a guest is not left standing", what: `${guest.name} is ${where}` });
    }
  }
  return found;
}

/** What Drover believes of hosts and of where guests are, where it is not so. */
export async function sightingsThatErr(
  plane: ChaosPlane,
  guests: readonly KnownGuest[],
  now: Date,
): Promise<readonly Unsettled[]> {
  const truth = plane.fleet.guests();
  const found: Unsettled[] = [];
  for (const host of await plane.store.hosts.list()) {
    if (!isHostUp(host, now)) found.push({ rule: "every host is heard of again", what: host.facts.host });
  }
  for (const { uuid, name } of guests) {
    const sightings = await plane.store.guests.byServer(uuid);
    const believed = sightings.filter(({ powerState }) => isActive(powerState)).map(({ host }) => host);
    const active = truth.filter((guest) => guest.uuid === uuid && guest.active).map(({ host }) => host);
    if (believed.sort().join(", ") === active.sort().join(", ")) continue;
    const what = `${name} is believed on ${believed.join(", ") || "no host"} and is on ${active.join(", ")}`;
    found.push({ rule: "what is believed of guests follows the hosts", what });
  }
  return found;
}
