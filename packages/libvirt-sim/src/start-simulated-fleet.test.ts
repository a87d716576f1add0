import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { demoFleet } from "./demo-fleet.ts";
import { type RunningFleet, startSimulatedFleet } from "./start-simulated-fleet.ts";

let directory: string;
let running: RunningFleet[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sim-"));
});
afterEach(async () => {
  for (const fleet of running) await fleet.close();
  running = [];
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startSimulatedFleet>[0]> = {}) {
  const fleet = await startSimulatedFleet({ ...demoFleet(), directory, ...options });
  running.push(fleet);
  return fleet;
}

const open = (fleet: RunningFleet, host: string) => LibvirtConnection.open(fleet.host(host).uri);

describe("a started fleet", () => {
  test("answers on every host's socket, and on TCP where it was asked to", async () => {
    const fleet = await start({ hosts: [{ name: "solo", tcpPort: 0 }], guests: [] });
    const { tcpPort } = fleet.host("solo");
    for (const uri of [fleet.host("solo").uri, `qemu+tcp://127.0.0.1:${tcpPort}/system`]) {
      const connection = await LibvirtConnection.open(uri);
      expect(await connection.connect.getHostname()).toBe("solo");
      await connection.close();
    }
  });

  test("finds its guests again where they were left", async () => {
    const stateFile = join(directory, "fleet.json");
    const first = await start({ stateFile });
    const alpha = await open(first, "alpha");
    await alpha.domain.suspend(await alpha.domain.lookupByName("web-1"));
    await alpha.domain.undefine(await alpha.domain.lookupByName("database"));
    await alpha.close();
    await first.close();
    const again = await open(await start({ stateFile, guests: [] }), "alpha");
    expect((await again.domain.getState(await again.domain.lookupByName("web-1"))).state).toBe(3);
    expect((await again.domain.listAll()).map(({ name }) => name).sort()).toEqual(["busy", "database", "web-1"]);
    expect(await again.domain.isPersistent(await again.domain.lookupByName("database"))).toBe(false);
    await again.close();
  });

  test("refuses a state file that is not one, and leaves it alone", async () => {
    const stateFile = join(directory, "fleet.json");
    await writeFile(stateFile, "{}");
    await expect(start({ stateFile })).rejects.toMatchObject({ code: "bad-request" });
    expect(await readFile(stateFile, "utf8")).toBe("{}");
  });
});

describe("a fault on a call", () => {
  test("refuses it, once, and leaves the guest alone", async () => {
    const fleet = await start();
    const error = LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: out of luck");
    fleet.faults.onCall("alpha", "domainSuspend", { kind: "refuse", error });
    const alpha = await open(fleet, "alpha");
    const dom = await alpha.domain.lookupByName("web-1");
    await expect(alpha.domain.suspend(dom)).rejects.toMatchObject({
      libvirtCode: 9,
      text: expect.stringContaining("luck"),
    });
    expect((await alpha.domain.getState(dom)).state).toBe(1);
    await alpha.domain.suspend(dom);
    await alpha.close();
  });

  test("delays its answer", async () => {
    const fleet = await start();
    fleet.faults.onCall("alpha", "connectGetHostname", { kind: "delay", delayMs: 60_000 });
    const alpha = await open(fleet, "alpha");
    await expect(alpha.connect.getHostname({ deadlineMs: 50 })).rejects.toMatchObject({ code: "deadline-exceeded" });
    expect(await alpha.connect.getHostname()).toBe("alpha");
    fleet.faults.hostDown("alpha");
    await alpha.closed;
  });

  test("breaks the connection in the middle of the answer, with the call done", async () => {
    const fleet = await start();
    fleet.faults.onCall("alpha", "domainSuspend", { kind: "drop-mid-frame" });
    const broken = await open(fleet, "alpha");
    const dom = await broken.domain.lookupByName("web-1");
    await expect(broken.domain.suspend(dom)).rejects.toMatchObject({ code: "outcome-unknown" });
    const alpha = await open(fleet, "alpha");
    expect((await alpha.domain.getState(dom)).state).toBe(3);
    await alpha.close();
  });

  test("makes a host forget a guest, or go away with every connection", async () => {
    const fleet = await start();
    const alpha = await open(fleet, "alpha");
    const dom = await alpha.domain.lookupByName("web-1");
    fleet.faults.forgetGuest("alpha", dom.uuid);
    await expect(alpha.domain.getState(dom)).rejects.toMatchObject({ libvirtCode: 42 });
    fleet.faults.hostDown("alpha");
    await alpha.closed;
    await expect(open(fleet, "alpha")).rejects.toBeInstanceOf(Error);
    fleet.faults.hostUp("alpha");
    await (await open(fleet, "alpha")).close();
  });
});
