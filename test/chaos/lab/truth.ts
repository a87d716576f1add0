/** What a record that is over is held to: both hosts' libvirt and processes, the guest's own memory, the store. */
import type { MigrationView } from "@drover/api-client";
import { type LabHost, waitFor } from "@drover/testkit";
import type { Moving } from "./bring-into-state.ts";
import { type Cell, losesTheGuest } from "./cells.ts";
import type { CellResult } from "./run-cell.ts";

export interface Truth {
  readonly guestRunsOn: CellResult["guestRunsOn"];
  /** Each way in which the record is wrong, or something is held. Empty if all is well. */
  readonly problems: readonly string[];
}

/** What libvirt may still be doing at the moment in which a record is over, ms. */
const FINISHING_MS = 10_000;

/** Looks once all around. Rejects only if libvirt does not answer. */
export async function untruths(cell: Cell, moving: Moving, migration: MigrationView): Promise<Truth> {
  const { source, destination, guest } = moving;
  const should = shouldBe(cell, migration);
  const expected = (seen: Places) => seen.source === should.source && seen.destination === should.destination;
  const seen = await waitFor(
    "both hosts to agree with the record",
    async () => {
      const places = await placesOf(moving);
      return expected(places) ? places : undefined;
    },
    { deadlineMs: FINISHING_MS, intervalMs: 200 },
  ).catch(() => placesOf(moving));
  const problems: string[] = [];
  for (const side of ["source", "destination"] as const) {
    if (should[side] !== undefined && seen[side] !== should[side]) {
      problems.push(`${migration.state}, and the guest is "${seen[side]}" on the ${side}, not "${should[side]}"`);
    }
    const gone = seen[side] === "absent" || seen[side].startsWith("shut off");
    if (gone && moving[side].qemuPids().has(guest.name)) problems.push(`a QEMU is left over on the ${side}`);
  }
  if (migration.state === "error" && !losesTheGuest(cell)) problems.push(`it waits for a person: ${migration.reason}`);
  problems.push(...(await heldThings(moving, migration, seen)));
  const runsOn = (["source", "destination"] as const).filter((side) => seen[side] === "running");
  const [only] = runsOn;
  if (only === undefined || runsOn.length > 1) return { guestRunsOn: only === undefined ? "nowhere" : null, problems };
  const host = only === "source" ? source : destination;
  problems.push(...(await memoryProblems(moving, host)));
  return { guestRunsOn: only, problems };
}

interface Places {
  readonly source: string;
  readonly destination: string;
}

/** Where the guest has to be, as virsh says it; undefined where nothing is required. */
function shouldBe(cell: Cell, { state }: MigrationView): Partial<Places> {
  if (losesTheGuest(cell)) return {};
  switch (state) {
    case "completed":
      return { source: "absent", destination: "running" };
    case "failed":
    case "cancelled":
      return { source: "running", destination: "absent" };
    default:
      return {};
  }
}

async function placesOf({ source, destination, guest }: Moving): Promise<Places> {
  const place = async (host: LabHost) => {
    const names = (await host.virsh("list", "--all", "--name")).split("\n").map((name) => name.trim());
    if (!names.includes(guest.name)) return "absent";
    return (await host.virsh("domstate", guest.name)).split("\n")[0]?.trim() ?? "unknown";
  };
  const [atSource, atDestination] = await Promise.all([place(source), place(destination)]);
  return { source: atSource, destination: atDestination };
}

/** Claims in the store, and a view of the fleet that does not come right. */
async function heldThings(
  { chaos, guest }: Moving,
  migration: MigrationView,
  seen: Places,
): Promise<readonly string[]> {
  const { postgres, storeUrl } = chaos.plane;
  const claims = `select count(*) from destination_claims where migration_uuid = '${migration.uuid}'`;
  const held = migration.endedAt === null ? "0" : (await postgres.sql(claims, storeUrl)).trim();
  // A guest that died after it had arrived is shown there, whatever became of the migration.
  const arrived = migration.state === "completed" || (seen.source === "absent" && seen.destination !== "absent");
  const where = arrived ? migration.destinationHost : migration.sourceHost;
  const shown = await waitFor(
    `the fleet's view of ${guest.name}`,
    async () => {
      const { server } = await chaos.plane.client.server(guest.name);
      return server.host === where && server.leftovers.length === 0 && server.runsTwice.length === 0;
    },
    { deadlineMs: 15_000, intervalMs: 100 },
  ).catch(() => false);
  return [
    ...(held === "0" ? [] : ["a claim is held in the store"]),
    ...(shown || migration.endedAt === null ? [] : [`the API does not show the guest on ${where} alone`]),
  ];
}

/** All of its memory as it should be, and no second of it lived on both hosts. */
async function memoryProblems({ guest, source, destination }: Moving, host: LabHost): Promise<readonly string[]> {
  const problems: string[] = [];
  try {
    const { badPages } = await guest.waitForFullCheck(host, { deadlineMs: 20_000 });
    if (badPages > 0) problems.push(`${badPages} pages of the guest's memory are wrong`);
  } catch {
    problems.push("the guest says nothing: it does not run");
  }
  const counters = new Set(guest.reports(source).map(({ counter }) => counter));
  const twice = guest.reports(destination).filter(({ counter }) => counters.has(counter));
  if (twice.length > 0) problems.push(`the guest ran on both hosts: report ${twice[0]?.counter} was made on both`);
  return problems;
}
