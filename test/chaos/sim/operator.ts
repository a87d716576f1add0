import { abortMigration, forceCompleteMigration, liveMigrateInstance } from "@drover/contracts";
import { errorChain } from "@drover/model";
import type { FaultScene } from "./faults.ts";
import type { KnownGuest } from "./invariants.ts";

const REQUESTED_BY = "operator";

/** Asks for a migration as the API does. Resolves with its uuid, or undefined when it was not taken. */
export async function askToMigrate(
  { plane, ledger }: FaultScene,
  guest: KnownGuest,
  host: string | null,
): Promise<string | undefined> {
  ledger.note("operator", `migrate ${guest.name} to ${host ?? "any host"}`);
  try {
    const { migrationUuid, migrationId } = await plane.broker.call(liveMigrateInstance, {
      serverUuid: guest.uuid,
      host,
      blockMigration: null,
      requestedBy: REQUESTED_BY,
      projectId: "chaos",
    });
    ledger.note("operator", `${guest.name}: migration ${migrationId}`);
    return migrationUuid;
  } catch (error) {
    ledger.note("operator", `${guest.name}: ${errorChain(error)}`);
    return undefined;
  }
}

/** Asks for an abort or a force-complete. */
export async function askDuring(
  { plane, ledger }: FaultScene,
  name: string,
  migrationUuid: string,
  kind: "abort" | "force",
) {
  ledger.note("operator", `${kind} ${name}`);
  const contract = kind === "abort" ? abortMigration : forceCompleteMigration;
  try {
    const { answer } = await plane.broker.call(contract, { migrationUuid, requestedBy: REQUESTED_BY });
    ledger.note("operator", `${kind} ${name}: ${answer}`);
  } catch (error) {
    ledger.note("operator", `${kind} ${name}: ${errorChain(error)}`);
  }
}

/** One request at its time, and what the operator asks of that migration later. */
export function planRequest(scene: FaultScene, guests: readonly KnownGuest[], atMs: number): void {
  const { clock, random, hosts } = scene;
  const guest = random.pick(guests);
  const names = random.chance(0.6);
  const choice = random.fraction();
  const later = [0.35, 0.35, 0.1].flatMap((probability) =>
    random.chance(probability)
      ? [{ afterMs: random.between(0, 5_000), kind: random.pick(["abort", "force"] as const) }]
      : [],
  );
  clock.after(atMs, () => {
    const here = scene.plane.fleet.guests().find(({ uuid, running }) => uuid === guest.uuid && running)?.host;
    const others = hosts.filter((other) => other !== here || choice < 0.05);
    const host = names ? (others[Math.floor(choice * others.length)] ?? null) : null;
    void askToMigrate(scene, guest, host).then((migrationUuid) => {
      if (migrationUuid === undefined) return;
      for (const { afterMs, kind } of later) {
        clock.after(afterMs, () => void askDuring(scene, guest.name, migrationUuid, kind));
      }
    });
  });
}
