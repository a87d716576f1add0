import { describe, expect, it } from "vitest";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { cpuToCompare } from "./cpu-to-compare.ts";
import { destinationChecks } from "./destination-checks.ts";
import { recordedProcessors } from "./recorded-processors.test.gen.ts";

// The verdicts are those of a real libvirt; scripts/record-processors.ts has how they were had.

const pairs = recordedProcessors.flatMap(({ name, hostModel, verdicts }) =>
  Object.entries(verdicts).map(([elsewhere, verdict]) => ({ name, hostModel, elsewhere, verdict })),
);

function cpuCheck(verdict: (typeof pairs)[number]["verdict"], cpuXml: string | null) {
  const checks = destinationChecks({
    ...{ host: "h2", sourceHost: "h1", serverName: "web", serverUuid: "11111111-1111-4111-8111-111111111111" },
    requirements: {
      ...{ memoryKiB: 1, vcpus: 1, cpuXml, cpuOf: "guest", virtType: "kvm", machineType: "pc-q35-7.2", disks: [] },
      ...{ hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000 },
      hostUuid: "aaaaaaaa-0000-4000-8000-000000000001",
    },
    capabilities: {
      hostUuid: "aaaaaaaa-0000-4000-8000-000000000002",
      ...{ qemuUid: null, cpuArch: "", cpuModel: "", cpuXml: null, offered: [] },
    },
    ...{ hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000, memoryAvailableKiB: 1 },
    ...{ nameHolder: null, uuidTaken: false, cpu: { kind: verdict }, inboundAddress: "h2", disks: [], unreached: [] },
    ...{ inbound: { listenAddress: "h2" }, consoleAddress: "h2", consoles: { listenAddress: "h2" } },
    ...{ networks: {}, blockMigration: null },
  });
  return checks.find(({ check }) => check === "cpu-compatible");
}

describe("a guest with host-model", () => {
  it.each(pairs)("of $name is $verdict on $elsewhere", ({ hostModel, verdict }) => {
    const definition = readGuestDefinition(
      `<domain type='kvm'><name>web</name><memory unit='KiB'>1</memory><vcpu>1</vcpu>` +
        `<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>${hostModel}<devices/></domain>`,
    );
    const { cpuXml, cpuOf } = cpuToCompare(definition, "<cpu/>");
    // What libvirt was asked when this was recorded is what it is asked by the agent.
    expect(cpuXml?.replaceAll('"', "'").replaceAll(/><\/(feature)>/g, "/>")).toBe(hostModel);
    expect(cpuOf).toBe("guest");
    expect(cpuCheck(verdict, cpuXml)?.passed).toBe(verdict !== "incompatible");
  });

  it("stays at home everywhere, never changes its vendor, and goes up more often than down", () => {
    const verdictOf = (from: string, to: string) =>
      pairs.find(({ name, elsewhere }) => name.endsWith(from) && elsewhere.endsWith(to))?.verdict;
    for (const { name, vendor, verdicts } of recordedProcessors) {
      expect(verdicts[name]).toBe("identical");
      for (const other of recordedProcessors) {
        if (other.vendor !== vendor) expect(verdicts[other.name]).toBe("incompatible");
      }
    }
    expect([verdictOf("v3", "v4"), verdictOf("v4", "v3")]).toEqual(["superset", "incompatible"]);
    expect([verdictOf("7502", "7763"), verdictOf("7763", "7502")]).toEqual(["superset", "incompatible"]);
    // Newer, and without TSX: what the guest was given is gone.
    expect(verdictOf("6130", "6230")).toBe("incompatible");
  });
});
