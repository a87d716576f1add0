import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigration,
  preLiveMigration,
} from "@drover/contracts";
import { createLabAuthority, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";
import { type HostFiles, machineFiles } from "./host-files.ts";

describe("agents whose hosts have certificates", () => {
  let bed: AgentBed;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drover-agent-tls-"));
    const authority = await createLabAuthority(join(folder, "authority"));
    await Promise.all(
      ["h1", "h2"].map((name) => authority.write({ folder: join(folder, name), user: "qemu", names: [name] })),
    );
    bed = await startAgentBed();
  });
  afterAll(async () => {
    await bed.close();
    await rm(folder, { recursive: true });
  });

  function certificatesOf(name: string): HostFiles {
    const inFolder = (path: string) => path.replace("/etc/pki/qemu", join(folder, name));
    return { read: (path) => machineFiles.read(inFolder(path)), exists: (path) => machineFiles.exists(inFolder(path)) };
  }

  async function startAgent(host: string, options: Parameters<AgentBed["startAgent"]>[1]): Promise<void> {
    await bed.stopAgent(host);
    const agent = await bed.startAgent(host, options);
    await waitFor("libvirtd to be reached", () => agent.pingLibvirt().then(() => true));
  }

  async function move(name: string) {
    const uuid = await bed.addGuest({ name });
    const command = bed.startCommand(uuid, name);
    const prepare = { ...command, memoryKiB: command.memoryKiB, sourceHost: "h1", disks: [] };
    const destination = await bed.bus.call(preLiveMigration, prepare, { server: "h2" });
    await bed.bus.cast(liveMigration, { ...command, destination }, { server: "h1" });
    return await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid), { deadlineMs: 20_000 });
  }

  async function nativeTlsCheck(name: string) {
    const uuid = await bed.addGuest({ name });
    const asked = { migrationUuid: uuid, serverUuid: uuid, serverName: name };
    const { requirements } = await bed.bus.call(
      checkCanLiveMigrateSource,
      { ...asked, blockMigration: null },
      { server: "h1" },
    );
    if (requirements === null) throw new Error("a guest that is here has requirements");
    const request = { ...asked, sourceHost: "h1", requirements };
    const { checks } = await bed.bus.call(checkCanLiveMigrateDestination, request, { server: "h2" });
    return checks.find(({ check }) => check === "native-tls");
  }

  test("a copy is encrypted where both have them, by the name in the destination's", async () => {
    await startAgent("h1", { hostFiles: certificatesOf("h1") });
    await startAgent("h2", { hostFiles: certificatesOf("h2"), section: { live_migration_inbound_addr: "10.1.0.2" } });
    expect(await nativeTlsCheck("checked")).toMatchObject({
      passed: true,
      message: expect.stringContaining("with TLS"),
    });
    const { outcome, flags } = await move("encrypted");
    expect(outcome).toBe("arrived");
    expect(flags?.map(({ name }) => name)).toContain("VIR_MIGRATE_TLS");
    expect(flags?.find(({ name }) => name === "tls.destination")?.value).toBe("h2");
  });

  test("a copy in the clear says why, and is not begun where the destination requires TLS", async () => {
    await startAgent("h1", {});
    const { outcome, flags } = await move("clear");
    expect(outcome).toBe("arrived");
    const uri = flags?.find(({ name }) => name === "migrate_uri");
    expect(uri?.reason).toContain("in the clear: h1: it has no ca-cert.pem");

    await startAgent("h2", { hostFiles: certificatesOf("h2"), section: { live_migration_with_native_tls: true } });
    expect(await nativeTlsCheck("checked-again")).toMatchObject({ passed: false });
    const refused = await move("refused");
    expect(refused).toMatchObject({ outcome: "stayed", cause: "never-started" });
    expect(JSON.stringify(refused.error)).toContain("h2 requires TLS for memory and disks");
  });
});
