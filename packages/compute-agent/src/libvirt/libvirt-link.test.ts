import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { silentLogger, systemClock } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LibvirtLink } from "./libvirt-link.ts";

const SUBSCRIBE = "connectDomainEventCallbackRegisterAny";
const HOUR_MS = 3_600_000;

let directory: string;
let fleet: RunningFleet;
let link: LibvirtLink;
let dialled: Duplex[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-link-"));
  fleet = await startSimulatedFleet({ directory, clock: systemClock, hosts: [{ name: "h1" }] });
  dialled = [];
  const connection: NonNullable<ConstructorParameters<typeof LibvirtLink>[0]["connection"]> = {
    dial: async (address, options) => {
      const stream = await fleet.dial(address, options);
      dialled.push(stream);
      return stream;
    },
  };
  link = new LibvirtLink({ uri: fleet.host("h1").peerUri, clock: systemClock, logger: silentLogger, connection });
});

afterEach(async () => {
  await link.stop();
  await fleet.close();
  await rm(directory, { recursive: true });
});

const connected = () => waitFor("libvirtd to be reached", () => link.isConnected);

test("questions that libvirtd never answers do not take the places of those to come", async () => {
  link.start();
  await connected();
  fleet.faults.onCall("h1", "storagePoolLookupByTargetPath", { kind: "delay", delayMs: HOUR_MS }, 4);
  const { storagePool } = link.questions;
  const hung = Array.from({ length: 4 }, () => storagePool.lookupByTargetPath("/mnt/nfs", { deadlineMs: 20 }));
  for (const question of hung) await expect(question).rejects.toMatchObject({ code: "deadline-exceeded" });
  const ask = () => link.questions.connect.getHostname().catch(() => null);
  expect(await waitFor("an answer", ask)).toBe("h1");
});

test("a subscription that fails leaves no connection open", async () => {
  fleet.faults.onCall("h1", SUBSCRIBE, { kind: "drop-mid-frame" }, 2);
  link.start();
  await connected();
  await waitFor("the others to be closed", () => dialled.filter((stream) => !stream.destroyed).length === 2);
  expect(dialled.length).toBe(6);
});

test("is stopped while it waits for its subscription", async () => {
  fleet.faults.onCall("h1", SUBSCRIBE, { kind: "delay", delayMs: 50 });
  link.start();
  await waitFor("both connections", () => dialled.length === 2);
  await link.stop();
  await waitFor("them to be closed", () => dialled.every((stream) => stream.destroyed));
});
