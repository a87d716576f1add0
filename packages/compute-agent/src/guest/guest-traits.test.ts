import { expect, test } from "vitest";
import { type GuestTrait, readGuestTraits } from "./guest-traits.ts";

test.each<[string, string, readonly GuestTrait[]]>([
  ["nothing of note", "<devices><interface type='bridge'/></devices>", []],
  [
    "memory in files",
    "<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>",
    ["file-backed-memory"],
  ],
  ["memory of a memfd", "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>", []],
  ["huge pages", "<memoryBacking><hugepages/></memoryBacking>", []],
  ["a limit", "<memtune><hard_limit unit='KiB'>2097152</hard_limit></memtune>", ["memory-limit"]],
  ["a soft limit", "<memtune><soft_limit unit='KiB'>2097152</soft_limit></memtune>", []],
  ["an interface of another process", "<devices><interface type='vhostuser'/></devices>", ["vhost-user"]],
  ["a disk of another process", "<devices><disk type='vhostuser'/></devices>", ["vhost-user"]],
  ["a video helper", "<devices><video><driver name='vhostuser'/></video></devices>", ["vhost-user"]],
])("%s", (_, parts, traits) => {
  expect(readGuestTraits(`<domain type='kvm'>${parts}</domain>`)).toEqual(traits);
});
