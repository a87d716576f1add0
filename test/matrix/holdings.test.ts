import { expect, test } from "vitest";
import { type Holdings, leaks } from "./holdings.ts";

const DISK = "/var/lib/libvirt/images/matrix-1-vda.qcow2";
const DRIVE = "/var/lib/libvirt/images/matrix-1-config.iso";
const OTHERS = ["/run/libvirt/qemu/driver.pid", "/var/lib/libvirt/images/matrix-10-vda.qcow2"];
const RUNTIME = ["/run/libvirt/qemu/matrix-1.xml", "/var/lib/libvirt/qemu/domain-3-matrix-1/monitor.sock"];

const EMPTY: Holdings = { definitions: [], pools: [], files: OTHERS, ports: ["0.0.0.0:16509"], agent: [] };
const WITH_GUEST: Holdings = { ...EMPTY, definitions: ["matrix-1"], files: [...OTHERS, ...RUNTIME, DISK, DRIVE] };

const host = { name: "host-1" };
const here = { guest: "matrix-1", isHere: true, files: [DISK, DRIVE] };
const gone = { guest: "matrix-1", isHere: false, files: [] };

test("a guest that came or left with all that is its own leaves no leak", () => {
  expect(leaks(host, here, EMPTY, WITH_GUEST)).toEqual([]);
  expect(leaks(host, gone, WITH_GUEST, EMPTY)).toEqual([]);
  expect(leaks(host, here, WITH_GUEST, WITH_GUEST)).toEqual([]);
});

test("what its user put on the host it left has to be there still", () => {
  const kept = { ...gone, files: [DRIVE] };
  expect(leaks(host, kept, WITH_GUEST, { ...EMPTY, files: [...OTHERS, DRIVE] })).toEqual([]);
  expect(leaks(host, kept, WITH_GUEST, EMPTY)).toEqual([`host-1 has lost of its files: ${DRIVE}`]);
});

test.each<[string, Holdings, string]>([
  ["definitions", { ...EMPTY, definitions: ["matrix-1"] }, "matrix-1"],
  ["pools", { ...EMPTY, pools: ["drover-1: inactive"] }, "drover-1: inactive"],
  ["files", { ...EMPTY, files: [...OTHERS, DISK] }, DISK],
  ["files", { ...EMPTY, files: [...OTHERS, ...RUNTIME.slice(0, 1)] }, RUNTIME[0] ?? ""],
  ["ports", { ...EMPTY, ports: ["0.0.0.0:16509", "10.0.0.1:49152"] }, "10.0.0.1:49152"],
  ["agent", { ...EMPTY, agent: ["prepared: {}"] }, "prepared: {}"],
])("a rollback that leaves something of its %s is found out", (kind, after, thing) => {
  expect(leaks(host, gone, EMPTY, after)).toEqual([`host-1 has more ${kind}: ${thing}`]);
});

test("a disk that did not come with its guest is found out", () => {
  const without = { ...WITH_GUEST, files: [...OTHERS, ...RUNTIME, DRIVE] };
  expect(leaks(host, here, EMPTY, without)).toEqual([`host-1 has lost of its files: ${DISK}`]);
});
