import { DroverError, type ErrorCode, silentLogger, systemClock } from "@drover/model";
import { openSqliteStore, type Store } from "@drover/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { untilHostIsDown } from "./host-patience.ts";

let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  const facts = {
    host: "beta",
    hostUuid: "6f6e0c5c-0000-4000-8000-00000000000b",
    hypervisorType: "QEMU",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    cpuArch: "x86_64",
    cpuModel: "qemu64",
    cpus: 2,
    memoryKiB: 1_048_576,
    inboundAddress: "beta",
    libvirtUri: "qemu+tcp://beta/system",
  };
  await store.hosts.report(facts, "test");
});
afterEach(async () => {
  await store.close();
});

function cleanUp(code: ErrorCode, failures: number, silentForMs: number): Promise<string> {
  const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + silentForMs) };
  return untilHostIsDown({ store, clock, failures }, "beta", () =>
    Promise.reject(new DroverError(code, "cleaning up")),
  );
}

it("gives a host up that is down and silent, after several tries", async () => {
  expect(await cleanUp("agent-unreachable", 5, 70_000)).toMatch(/beta is down/);
  expect(await cleanUp("deadline-exceeded", 9, 70_000)).toMatch(/beta is down/);
});

it.each([
  ["the host is up", "agent-unreachable", 9, 5_000],
  ["it was tried too seldom: agents may be on their way back to a broker", "agent-unreachable", 4, 70_000],
  ["the broker is away, or the host answers that it cannot yet", "unavailable", 9, 70_000],
  ["the host answers that the guest runs there", "outcome-unknown", 9, 70_000],
] as const)("tries again where %s", async (_name, code, failures, silentForMs) => {
  await expect(cleanUp(code, failures, silentForMs)).rejects.toMatchObject({ code });
});
