import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { computeConfig, inboundEndpoint } from "./compute-config.ts";

describe("computeConfig", () => {
  test("an empty section is this machine and its libvirtd", () => {
    expect(computeConfig.parse({})).toMatchObject({
      host: hostname(),
      libvirt_uri: "qemu:///system",
      state_path: null,
    });
  });

  test.each([
    [{}, "h2", "qemu+tcp://h2/system"],
    [{ live_migration_inbound_addr: "10.0.0.2" }, "10.0.0.2", "qemu+tcp://h2/system"],
    [{ live_migration_inbound_addr: "fd00::2" }, "fd00::2", "qemu+tcp://h2/system"],
    [{ live_migration_scheme: "tls" }, "h2", "qemu+tls://h2/system"],
    [{ libvirt_migration_uri: "qemu+tls://h2.example/system" }, "h2", "qemu+tls://h2.example/system"],
  ])("%o is reached at %s by %s", (section, inboundAddress, libvirtUri) => {
    const config = computeConfig.parse({ host: "h2", ...section });
    expect(inboundEndpoint(config)).toEqual({ inboundAddress, libvirtUri });
  });

  test.each([
    [{ host: "two words" }, "host"],
    [{ live_migration_scheme: "ssh" }, "live_migration_scheme"],
    [{ live_migration_inbound_addr: "tcp://h2" }, "live_migration_inbound_addr"],
    [{ reserved_host_memory_mb: -1 }, "reserved_host_memory_mb"],
  ])("%o is refused by its key", (section, key) => {
    const result = computeConfig.safeParse(section);
    expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual([key]);
  });
});
