/** How a real migration comes to be in each state, and stays there until something has been killed. */
import type { MigrationView } from "@drover/api-client";
import { type LabGuest, type LabHost, libvirtdOf, waitFor } from "@drover/testkit";
import { isOver } from "../../integration/watching.ts";
import type { State } from "./cells.ts";
import { type ChaosPlane, SLOW_MIBPS } from "./chaos-plane.ts";
import { type GuestWatch, isPaused, isRunning } from "./guest-watch.ts";

/** What a cell is about. */
export interface Moving {
  readonly chaos: ChaosPlane;
  readonly guest: LabGuest;
  readonly source: LabHost;
  readonly destination: LabHost;
  readonly watch: GuestWatch;
}

export interface Brought {
  readonly migration: MigrationView;
  /** Ends what held the migration in its state beside the part that was killed. Called right after the strike. */
  letGo(): Promise<void>;
  /** Ends what made the state last; called when the part is back. Resolves when nothing hinders the migration. */
  hurry(): Promise<void>;
}

const nothing = async () => {};

/**
 * Each state is held open by something real:
 *
 * | state | how |
 * | --- | --- |
 * | queued | the source's only outgoing slot is taken by a second guest that never converges |
 * | preparing | the destination's libvirtd is frozen, so that its checks do not end |
 * | running | the link is slower than the guest dirties its memory |
 * | post-copy | a force-complete of such a copy, whose rest takes seconds over that link; the guest's kernel is there |
 * | switching over | the allowed standstill is raised until QEMU stops the guest and sends the rest over that link |
 * | post-migrating | the destination's agent is frozen, the guest arrives |
 * | rolling back | the destination's agent is frozen, the copy is aborted |
 */
export async function bringInto(state: State, moving: Moving): Promise<Brought> {
  switch (state) {
    case "queued":
      return queued(moving);
    case "preparing":
      return preparing(moving);
    case "running":
      return slowCopy(moving);
    case "post-copy":
      return postCopy(moving);
    case "switching over":
      return switchingOver(moving);
    case "post-migrating":
      return postMigrating(moving);
    case "rolling back":
      return rollingBack(moving);
  }
}

async function queued(moving: Moving): Promise<Brought> {
  const { chaos, source, destination } = moving;
  const { client } = chaos.plane;
  const filler = await chaos.filler(source);
  const limit = await chaos.faults.limit(source, "migration", SLOW_MIBPS);
  const inTheWay = (await client.migrate(filler.name, { host: destination.name })).migration.id;
  await chaos.plane.untilMigration(inTheWay, "copied", isCopied);
  const migration = await ask(moving);
  await untilState(moving, migration.id, "queued");
  const hurry = async () => {
    await waitFor(
      "the second guest's migration to be over",
      async () => {
        const { migration: now } = await client.migration(inTheWay);
        if (now.abortRequestedAt === null && !isOver(now)) await client.abort(inTheWay);
        return isOver(now);
      },
      { deadlineMs: 90_000, intervalMs: 250 },
    );
    await limit.undo();
  };
  return { migration, letGo: nothing, hurry };
}

async function preparing(moving: Moving): Promise<Brought> {
  const { chaos, destination } = moving;
  const frozen = chaos.faults.freeze("the destination's libvirtd", libvirtdOf(destination));
  const migration = await ask(moving);
  await untilState(moving, migration.id, "preparing");
  return { migration, letGo: frozen.undo, hurry: nothing };
}

async function slowCopy(moving: Moving): Promise<Brought> {
  const { chaos, source } = moving;
  const limit = await chaos.faults.limit(source, "migration", SLOW_MIBPS);
  const migration = await ask(moving);
  await chaos.plane.untilMigration(migration.id, "copied", isCopied);
  return { migration, letGo: nothing, hurry: limit.undo };
}

/**
 * Pages that the guest asked for on the destination before it counts as being in post-copy. Its first requests are for
 * its kernel's pages, and QEMU without KVM delivers interrupts under its own lock: one that waits there for a page
 * silences QEMU's monitor, and nothing resumes a copy that breaks then. Measured with QEMU 7.2: broken in the
 * first second, at 4 requests at most, it could not be resumed (5 of 5); from the third second on it could (5 of 5). On a busy
 * machine the requests alone did not do (once): both are waited for.
 */
const KERNEL_IS_THERE_REQUESTS = 12;
const KERNEL_IS_THERE_MS = 3_000;

async function postCopy(moving: Moving): Promise<Brought> {
  const { chaos, guest, source, destination, watch } = moving;
  const copy = await slowCopy(moving);
  await chaos.plane.client.forceComplete(copy.migration.id);
  await waitFor("the guest to run on the destination", () => isRunning(watch.now(destination)), HELD);
  const runsThereSinceMs = performance.now();
  await untilState(moving, copy.migration.id, "post-copy");
  await waitFor(
    "the guest's kernel to be on the destination",
    async () => {
      const [, requests] = /^Postcopy requests:\s+(\d+)/m.exec(await source.virsh("domjobinfo", guest.name)) ?? [];
      const isLongEnough = performance.now() - runsThereSinceMs >= KERNEL_IS_THERE_MS;
      return isLongEnough && Number(requests) >= KERNEL_IS_THERE_REQUESTS;
    },
    { ...HELD, intervalMs: 100 },
  );
  return copy;
}

async function switchingOver(moving: Moving): Promise<Brought> {
  const { guest, source, watch } = moving;
  const copy = await slowCopy(moving);
  // Above what the rest takes over this link: QEMU stops the guest as soon as it has worked that out.
  await source.virsh("migrate-setmaxdowntime", guest.name, "120000");
  await waitFor("the guest to stand still on the source", () => isPaused(watch.now(source)), HELD);
  return copy;
}

async function postMigrating(moving: Moving): Promise<Brought> {
  const { chaos, destination } = moving;
  const copy = await slowCopy(moving);
  const frozen = chaos.faults.freeze("the destination's agent", chaos.agentOf(destination));
  await copy.hurry();
  await untilState(moving, copy.migration.id, "post-migrating");
  return { ...copy, letGo: frozen.undo };
}

async function rollingBack(moving: Moving): Promise<Brought> {
  const { chaos, destination } = moving;
  const copy = await slowCopy(moving);
  const frozen = chaos.faults.freeze("the destination's agent", chaos.agentOf(destination));
  await chaos.plane.client.abort(copy.migration.id);
  await untilState(moving, copy.migration.id, "rolling-back");
  return { ...copy, letGo: frozen.undo };
}

const HELD = { deadlineMs: 30_000, intervalMs: 20 };

async function ask({ chaos, guest, destination }: Moving): Promise<MigrationView> {
  return (await chaos.plane.client.migrate(guest.name, { host: destination.name })).migration;
}

function isCopied({ state, progress }: MigrationView): boolean {
  return state === "running" && (progress?.memoryProcessedBytes ?? 0) > 0;
}

/** @throws when the migration is in another state after 20 s, or over before. */
async function untilState({ chaos }: Moving, id: number, state: MigrationView["state"]): Promise<void> {
  const seen = await waitFor(
    `migration ${id} to be ${state}`,
    async () => {
      const { migration } = await chaos.plane.client.migration(id);
      return migration.state === state || isOver(migration) ? migration : undefined;
    },
    HELD,
  );
  if (seen.state !== state) throw new Error(`migration ${id} is ${seen.state} and was to be ${state}: ${seen.reason}`);
}
