import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningFleet, startSimulatedFleet } from "./start-simulated-fleet.ts";

describe("Debian's virsh works against a simulated host", () => {
  let directory: string;
  let fleet: RunningFleet;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "sim-"));
    fleet = await startSimulatedFleet({
      directory,
      hosts: [{ name: "left", memoryMiB: 8192, cpus: 4 }, { name: "right" }],
      defaultLinkMiBps: 400,
      guests: [
        { name: "calm", host: "left", memoryMiB: 512, dirtyMiBps: 1 },
        { name: "wild", host: "left", memoryMiB: 1024, touchedMiB: 900, workingSetMiB: 800, dirtyMiBps: 900 },
        { name: "off", host: "left", running: false },
      ],
    });
  });
  afterAll(async () => {
    await fleet?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const virshOn = async (host: string, ...args: readonly string[]) => {
    const { stdout } = await runCommand("virsh", ["--connect", fleet.host(host).uri, ...args], { deadlineMs: 30_000 });
    return stdout.trim();
  };
  const virsh = (...args: readonly string[]) => virshOn("left", ...args);
  const complaint = async (...args: readonly string[]) => {
    const error: unknown = await virsh(...args).catch((reason: unknown) => reason);
    return error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : "no complaint";
  };

  test("to look around", async () => {
    expect(await virsh("list", "--all")).toMatch(/calm\s+running[\s\S]*off\s+shut off/);
    expect(await virsh("list", "--inactive", "--name")).toBe("off");
    expect(await virsh("dominfo", "calm")).toMatch(/Max memory:\s+524288 KiB[\s\S]*Persistent:\s+yes/);
    expect(await virsh("dumpxml", "calm")).toMatch(/<domain type="kvm" id="\d+">/);
    expect(await virsh("domstate", "calm", "--reason")).toBe("running (booted)");
    expect(await virsh("domjobinfo", "calm")).toMatch(/Job type:\s+None/);
    expect(await virsh("nodeinfo")).toMatch(/CPU\(s\):\s+4[\s\S]*Memory size:\s+8388608 KiB/);
    expect(await virsh("capabilities")).toContain(fleet.host("left").uuid);
    expect(await virsh("version")).toContain("Running hypervisor: QEMU 7.2.0");
    expect(await virsh("hostname")).toBe("left");
    expect(await virsh("domstats", "calm")).toContain("balloon.current=524288");
    expect(await virsh("pool-list", "--all")).toMatch(/default\s+active/);
    expect(await virsh("domblklist", "calm")).toContain("vda");
    expect(await complaint("dominfo", "nobody")).toContain("failed to get domain 'nobody'");
  });

  test("to change guests", async () => {
    const file = join(directory, "extra.xml");
    await writeFile(file, (await virsh("dumpxml", "off")).replace(/<uuid>.*<\/uuid>/, "").replace(">off<", ">extra<"));
    await virsh("define", file);
    await virsh("start", "extra", "--paused");
    expect(await virsh("domstate", "extra")).toBe("paused");
    await virsh("resume", "extra");
    await virsh("suspend", "extra");
    await virsh("resume", "extra");
    await virsh("shutdown", "extra");
    expect(await virsh("domstate", "extra")).toBe("shut off");
    await virsh("start", "extra");
    await virsh("destroy", "extra");
    await virsh("undefine", "extra");
    await virsh("create", file);
    expect(await virsh("dominfo", "extra")).toMatch(/Persistent:\s+no/);
    await virsh("destroy", "extra");
    expect(await virsh("list", "--all", "--name")).not.toContain("extra");
  });

  test("to keep volumes and their content", async () => {
    const [sent, received] = [join(directory, "sent.img"), join(directory, "received.img")];
    const content = Buffer.alloc(5_500_001, "volume content ");
    await writeFile(sent, content);
    await virsh("vol-create-as", "default", "kept.img", "0", "--format", "raw");
    await virsh("vol-upload", "kept.img", sent, "--pool", "default");
    expect(await virsh("vol-list", "default")).toContain("/var/lib/libvirt/images/kept.img");
    await virsh("vol-download", "kept.img", received, "--pool", "default");
    expect(content.equals(await readFile(received))).toBe(true);
    await virsh("vol-delete", "kept.img", "default");
    expect(await complaint("vol-download", "kept.img", received, "--pool", "default")).toContain("no storage vol");
  });

  test("to measure a dirty rate", async () => {
    await virsh("domdirtyrate-calc", "wild", "--seconds", "1");
    await vi.waitFor(
      async () => expect(await virsh("domstats", "--dirtyrate", "wild")).toContain("calc_status=2"),
      10_000,
    );
    expect(await virsh("domstats", "--dirtyrate", "wild")).toMatch(/megabytes_per_second=8\d\d/);
  });

  test("to move a guest there, and read how it went", async () => {
    const moved = await virsh(
      "migrate",
      "--live",
      "--p2p",
      "--persistent",
      "--undefinesource",
      "--verbose",
      "calm",
      fleet.host("right").uri,
    );
    expect(moved).not.toContain("error");
    expect(await virsh("list", "--all", "--name")).not.toContain("calm");
    expect(await virshOn("right", "domstate", "calm", "--reason")).toBe("running (migrated)");
    expect(await virshOn("right", "domjobinfo", "--completed", "calm")).toMatch(
      /Job type:\s+Completed[\s\S]*Operation:\s+Incoming migration[\s\S]*Total downtime:\s+\d+\s+ms/,
    );
    expect(await complaint("migrate", "--live", "--p2p", "off", fleet.host("right").uri)).toContain(
      "domain is not running",
    );
    expect(await complaint("migrate", "--live", "--p2p", "wild", "qemu+tcp://nowhere.invalid/system")).toContain(
      "Unable to resolve",
    );
  });

  test("to steer a migration: limits, abort, post-copy", async () => {
    const leave = () =>
      virsh("migrate", "--live", "--p2p", "--postcopy", "--persistent", "wild", fleet.host("right").uri);
    const copies = () =>
      vi.waitFor(async () => expect(await virsh("domjobinfo", "wild")).toMatch(/Memory processed: [1-9]/));
    const first = leave().catch((error: unknown) => error);
    await copies();
    await virsh("migrate-setspeed", "wild", "50");
    expect(await virsh("migrate-getspeed", "wild")).toBe("50");
    await virsh("migrate-setmaxdowntime", "wild", "150");
    expect(await virsh("migrate-getmaxdowntime", "wild")).toBe("150");
    await virsh("domjobabort", "wild");
    expect(await first).toBeInstanceOf(Error);
    expect(await virsh("domstate", "wild")).toBe("running");
    expect(await complaint("domjobabort", "wild")).toContain("no job is active on the domain");

    const heard = virsh("event", "--event", "lifecycle", "--timeout", "30", "--domain", "wild");
    const second = leave();
    await copies();
    await virsh("migrate-postcopy", "wild");
    await second;
    expect(await heard).toContain("event 'lifecycle' for domain 'wild'");
    expect(await virshOn("right", "domstate", "wild")).toBe("running");
  });
});
