import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lab, startLab } from "../lab/lab.ts";
import type { LabHost } from "../lab/lab-host.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { type LabFaults, labFaults, libvirtdOf } from "./lab-faults.ts";
import { CONTROL_PLANE } from "./link-faults.ts";

describe("faults of a lab", () => {
  let lab: Lab;
  let faults: LabFaults;
  let source: LabHost;
  let destination: LabHost;
  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    faults = labFaults();
    [source, destination] = lab.hosts as [LabHost, LabHost];
  });
  afterAll(async () => {
    await faults.undoAll();
    expect(faults.active).toEqual([]);
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
  });

  /** How asking the other host's libvirtd ends: "answered", "refused", or "silence" after some seconds. */
  const ask = (address: string, port = 16509) => {
    const script = `exec 3<>/dev/tcp/${address}/${port}`;
    return source.exec("timeout", ["4", "bash", "-c", script]).then(
      () => "answered",
      (error: TestkitError) => (error.details.exitCode === 124 ? "silence" : "refused"),
    );
  };

  test("a link is cut by silence or by resets, for its two parts alone, until that is undone", async () => {
    const between = [source, destination] as const;
    const { stdout: before } = await source.exec("nft", ["list", "ruleset"]);
    for (const [mode, seen] of [
      ["drop", "silence"],
      ["reset", "refused"],
    ] as const) {
      const cut = await faults.cut({ between, networks: ["management"] }, mode);
      expect(await ask(destination.managementAddress), mode).toBe(seen);
      // Nothing listens on that port there: being refused means that the packets pass.
      expect(await ask(source.rootAddress, 9), mode).toBe("refused");
      await cut.undo();
      expect(await ask(destination.managementAddress), mode).toBe("answered");
    }
    const fromControlPlane = await faults.cut({ between: [source, CONTROL_PLANE] }, "drop");
    expect(await ask(source.rootAddress, 9)).toBe("silence");
    expect(await ask(destination.managementAddress)).toBe("answered");
    await fromControlPlane.undo();
    const { stdout: after } = await source.exec("nft", ["list", "ruleset"]);
    expect(after).toBe(before);
  });

  test("a cut by resets ends a connection that says nothing", async () => {
    const idle = destination.spawn("virsh", ["--connect", source.tcpUri, "event", "--all", "--loop"], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    let ended = false;
    idle.once("exit", () => {
      ended = true;
    });
    await waitFor(
      "a connection",
      async () => (await source.exec("ss", ["-Htn", "dst", destination.managementAddress])).stdout.includes("ESTAB"),
      { deadlineMs: 40_000 },
    );
    await using _cut = await faults.cut({ between: [source, destination] }, "reset");
    await waitFor("the connection to be lost", async () => {
      return (await source.exec("ss", ["-Htn", "dst", destination.managementAddress])).stdout.trim() === "";
    });
    idle.kill("SIGKILL");
    await waitFor("virsh to end", () => ended);
  });

  test("a link loses a share of its packets, and is delayed where the kernel can", async () => {
    const link = { between: [source, destination] } as const;
    const halved = await faults.lose(link, 50);
    await halved.undo();
    const lossy = await faults.lose(link, 100);
    expect(await ask(destination.managementAddress)).toBe("silence");
    await lossy.undo();
    const delayed = await faults.delay(link, 300).catch((error: unknown) => error);
    if (delayed instanceof TestkitError) {
      expect(delayed.message).toContain("CONFIG_NET_SCH_NETEM");
    } else {
      const startMs = performance.now();
      expect(await ask(destination.managementAddress)).toBe("answered");
      expect(performance.now() - startMs).toBeGreaterThan(300);
    }
    await faults.undoAll();
    expect(await ask(destination.managementAddress)).toBe("answered");
  });

  test("a disk runs full for its host alone, and is freed", async () => {
    const disk = await faults.smallDisk(source, "/run/drover-state", { sizeKiB: 64 });
    const write = () =>
      source.exec("dd", ["if=/dev/zero", `of=${disk.path}/state`, "bs=1k", "count=1"]).then(
        () => "written",
        (error: TestkitError) => String(error.details.stderr),
      );
    expect(await write()).toBe("written");
    await source.exec("rm", [`${disk.path}/state`]);
    const full = await disk.fill();
    expect(await write()).toContain("No space left");
    await full.undo();
    expect(await write()).toBe("written");
  });

  test("libvirtd and a guest's QEMU are frozen and killed", async () => {
    const killed = await faults.kill("libvirtd", libvirtdOf(destination));
    expect(destination.libvirtdPid).toBeUndefined();
    await killed.undo();
    expect(await destination.virsh("list", "--name")).toBe("");
    const guest = await source.startGuest({ name: "mortal", memoryMiB: 128, workingSetMiB: 8 });
    const frozen = faults.freezeGuest(source, "mortal");
    const { counter } = await guest.waitForCounter(1);
    await frozen.undo();
    await guest.waitForCounter(counter + 1);
    await faults.killGuest(source, "mortal");
    await waitFor("libvirt to notice", async () => (await source.virsh("domstate", "mortal")) === "shut off");
    expect(await source.virsh("domstate", "mortal", "--reason")).toBe("shut off (crashed)");
  });
});
