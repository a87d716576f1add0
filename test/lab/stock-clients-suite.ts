/** An operator's day with OpenStack's own commands, on real hosts: what each is told no for is in test/openstack. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand, TestkitError } from "@drover/testkit";
import { expect, it } from "vitest";
import { isOver } from "../integration/watching.ts";
import type { LabPlane } from "./lab-plane.ts";
import { STEADY } from "./use-lab-plane.ts";

/** Never ends by itself, and leaves the machine's processors to others for a part. */
const RESTLESS = { memoryMiB: 192, workingSetMiB: 64, dirtyMiBps: 60, verifyMiBps: 48 };

const DROVER = fileURLToPath(new URL("../../packages/cli/bin/drover", import.meta.url));

type Run = (command: string) => Promise<string>;

/** Commands in the environment that `drover openrc` prints. A command that fails rejects with what it said. */
async function loggedIn(plane: LabPlane): Promise<Run> {
  const login = { PATH: process.env.PATH, DROVER_URL: plane.drover.url, DROVER_TOKEN: plane.drover.token };
  const file = join(plane.source.folders.root, "openrc");
  await writeFile(file, (await runCommand(DROVER, ["openrc"], { env: login })).stdout, { mode: 0o600 });
  // Without what this process has, and with Debian's Python before another in the path.
  const env = { PATH: `/usr/bin:${process.env.PATH}`, LANG: "C.UTF-8" };
  return async (command) => {
    const { stdout } = await runCommand("/bin/sh", ["-c", `. ${file} && ${command}`], { env });
    return stdout.trim();
  };
}

/** What a command says that is refused. */
async function refusal(run: Promise<string>): Promise<string> {
  const error = await run.then(() => undefined).catch((problem: unknown) => problem);
  if (error instanceof TestkitError) return String(error.details.stderr);
  throw new Error(`it was not refused: ${String(error)}`);
}

export function stockClients(planeOf: () => LabPlane): void {
  it("the openstack and nova commands list, migrate, watch, force, abort, disable and evacuate", {
    timeout: 240_000,
  }, async () => {
    const plane = planeOf();
    const { source, destination, client } = plane;
    const [quiet, busy] = await Promise.all([
      source.startGuest({ name: "quiet", ...STEADY }),
      source.startGuest({ name: "busy", ...RESTLESS }),
    ]);
    await Promise.all([quiet, busy].map(({ name }) => plane.untilServerIsOn(name, source)));
    const run = await loggedIn(plane);
    const migrationOf = async (name: string) => (await client.server(name)).server.migration?.id ?? 0;
    const until = (id: number, status: string) =>
      plane.untilMigration(id, status, (migration) => migration.status === status);
    const copies = (id: number) =>
      plane.untilMigration(id, "copying", ({ progress }) => (progress?.memoryProcessedBytes ?? 0) > 0);

    expect((await run("openstack server list -n -f value -c Name -c Status")).split("\n").sort()).toEqual([
      "busy ACTIVE",
      "quiet ACTIVE",
    ]);

    // Without a host.
    await run("openstack server migrate --live-migration quiet");
    const moving = await migrationOf("quiet");

    // To a host, watched by the clients' own command, and forced, since it never ends by itself.
    await run(`openstack server migrate --live-migration --host ${destination.name} busy`);
    const forced = await migrationOf("busy");
    await copies(forced);
    const watched = await run(`openstack server migration show busy ${forced} -f json`);
    expect(JSON.parse(watched)).toMatchObject({
      ...{ Status: "running", "Source Compute": source.name, "Dest Compute": destination.name },
      ...{ "Memory Total Bytes": expect.any(Number), "Memory Remaining Bytes": expect.any(Number) },
    });
    await run(`openstack server migration force complete busy ${forced}`);
    await Promise.all([until(moving, "completed"), until(forced, "completed")]);
    await Promise.all([quiet, busy].map(({ name }) => plane.untilServerIsOn(name, destination)));

    // Back again, and called off.
    await run("nova live-migration busy");
    const aborted = await migrationOf("busy");
    await copies(aborted);
    await run(`nova live-migration-abort busy ${aborted}`);
    await until(aborted, "cancelled");
    const history = await run("openstack server migration list --server busy -f value -c Status");
    expect(history.split("\n")).toEqual(["cancelled", "completed"]);

    // A host that is disabled is chosen for nothing; below 2.34 the command is told so at once.
    await run(`openstack compute service set --disable --disable-reason fan ${source.name} nova-compute`);
    const refused = await refusal(run("nova --os-compute-api-version 2.33 live-migration quiet"));
    expect(refused).toMatch(/Migration pre-check error: .*fan.*\(HTTP 400\)/);
    await run(`openstack compute service set --enable ${source.name} nova-compute`);

    // Everything leaves a host.
    const evacuated = await run(`nova host-evacuate-live ${destination.name}`);
    for (const { uuid } of [quiet, busy]) expect(evacuated).toMatch(new RegExp(`${uuid} +\\| True`));
    const last = await migrationOf("busy");
    await copies(last);
    await run(`nova live-migration-force-complete busy ${last}`);
    await Promise.all([quiet, busy].map(({ name }) => plane.untilServerIsOn(name, source)));
    await plane.untilMigration(last, "over", isOver);
    for (const guest of [quiet, busy]) expect((await guest.waitForFullCheck(source)).badPages).toBe(0);
    for (const { name } of [quiet, busy]) await source.virsh("destroy", name);
  });
}
