import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { watchStandstill } from "../guest/standstill.ts";
import { runCommand } from "../process/run-command.ts";
import { waitFor } from "../wait-for.ts";
import { type Lab, startLab } from "./lab.ts";
import type { LabHost } from "./lab-host.ts";

describe("a lab of two hosts", () => {
  let lab: Lab;
  let source: LabHost;
  let destination: LabHost;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    [source, destination] = lab.hosts as [LabHost, LabHost];
  });
  afterAll(async () => {
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
    expect(existsSync(lab.folder)).toBe(false);
  });

  const migrate = (name: string, from: LabHost, to: LabHost) =>
    from.virsh(
      ...["migrate", "--live", "--p2p", "--persistent", "--undefinesource"],
      ...[name, to.tcpUri, `tcp://${to.migrationAddress}`],
    );

  test("is reachable from outside by socket and by TCP, and hosts resolve each other's names", async () => {
    for (const uri of [source.uri, source.tcpUri]) {
      const { stdout } = await runCommand("virsh", ["--connect", uri, "hostname"]);
      expect(stdout.trim()).toBe("host-1");
    }
    const { stdout } = await source.exec("getent", ["hosts", "host-2-migration"]);
    expect(stdout).toContain(destination.migrationAddress);
  });

  test("a guest that dirties memory moves with every page of it, and its counter goes on", async () => {
    const guest = await source.startGuest({ name: "busy", dirtyMiBps: 20 });
    using standstill = watchStandstill(guest, source, destination);
    const { counter } = await guest.waitForCounter(3);

    await migrate("busy", source, destination);

    const checked = await guest.waitForFullCheck(destination);
    expect(checked.badPages).toBe(0);
    expect(checked.counter).toBeGreaterThan(counter);
    expect(guest.reports(destination)[0]?.counter).toBeGreaterThan(guest.readConsole(source)?.counter ?? 0);
    const { standstillMs } = await standstill.result();
    expect(standstillMs).toBeGreaterThan(1);
    await destination.virsh("destroy", "busy");
  });

  test("a guest runs on while its libvirtd is killed and started again", async () => {
    const guest = await source.startGuest({ name: "left-alone" });
    await source.killLibvirtd();
    expect(source.libvirtdPid).toBeUndefined();
    const { counter } = await guest.waitForCounter(2);
    await guest.waitForCounter(counter + 2);
    await source.startLibvirtd();
    expect(await source.virsh("domstate", "left-alone")).toBe("running");
    await source.virsh("destroy", "left-alone");
  });

  test("a link that is held to a rate makes a migration last, and a reset of it fails the migration at once", async () => {
    const guest = await source.startGuest({ name: "slow" });
    await source.limitBandwidth("migration", 8);
    const migration = migrate("slow", source, destination).then(
      () => "arrived",
      () => "stayed",
    );
    await waitFor("memory to be on its way", async () =>
      /Memory processed:\s+[1-9]/.test(await source.virsh("domjobinfo", "slow")),
    );
    await source.resetConnections("migration");
    expect(await migration).toBe("stayed");
    await source.limitBandwidth("migration", 0);
    await guest.waitForCounter((guest.readConsole()?.counter ?? 0) + 2);
    expect(await source.virsh("domstate", "slow")).toBe("running");
    await source.virsh("destroy", "slow");
  });

  test("a cut network loses packets until it is restored", async () => {
    const reaches = () =>
      source
        .exec("timeout", ["1", "virsh", "--connect", destination.tcpUri, "hostname"])
        .then(() => true)
        .catch(() => false);
    await destination.cutNetwork("management");
    expect(await reaches()).toBe(false);
    await destination.restoreNetwork("management");
    await waitFor("the network to be back", reaches);
  });
});

test("two labs run at once without knowing of each other", async () => {
  await using first = await startLab({ hosts: 1 });
  await using second = await startLab({ hosts: 1 });
  expect(first.addresses.rootAddress).not.toBe(second.addresses.rootAddress);
  const pids = [...first.hosts, ...second.hosts].map((host) => host.libvirtdPid);
  expect(new Set(pids).size).toBe(2);
});

test("a lab whose process is killed is stopped by its warden", async () => {
  const script = `
    const { startLab } = await import(${JSON.stringify(new URL("./lab.ts", import.meta.url).href)});
    const lab = await startLab({ hosts: 1 });
    console.log(lab.folder);
    process.kill(process.pid, "SIGKILL");
  `;
  const failure: unknown = await runCommand(process.execPath, ["--input-type=module", "-e", script]).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ details: { signal: "SIGKILL" } });
  const folder = (failure as { details: { stdout: string } }).details.stdout.trim();
  expect(folder).toContain("drover-testkit-lab-");
  await waitFor("the warden to clean up", () => !existsSync(folder));
});

test("a lab that cannot start leaves nothing behind", async () => {
  await expect(startLab({ hosts: 1, hostNames: ["not a host name"] })).rejects.toThrow("could not start the lab");
  // Other tests' labs come and go meanwhile: theirs are in the records of their folders.
  await waitFor("every uplink to belong to a lab", async () => {
    const recorded = new Set(recordedLinks());
    const orphans = readdirSync("/sys/class/net").filter((link) => link.startsWith("drlab") && !recorded.has(link));
    if (orphans.length > 0) throw new Error(`${orphans.join(", ")} of no lab`);
    return true;
  });
});

/** The interfaces of the root namespace that the labs of this machine own. */
function recordedLinks(): string[] {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith("drover-testkit-lab-"));
  return folders.flatMap((name) => {
    const record = join(tmpdir(), name, "owner.json");
    return existsSync(record) ? (JSON.parse(readFileSync(record, "utf8")).links as string[]) : [];
  });
}
