import type { HostSpec } from "./host-spec.ts";

/** The capabilities document of a host with KVM, cut to what clients read: host CPU, memory, migration, guest types. */
export function capabilitiesXml(host: HostSpec): string {
  const cpus = Array.from(
    { length: host.cpus },
    (_, id) => `          <cpu id='${id}' socket_id='0' die_id='0' core_id='${id}' siblings='${id}'/>`,
  );
  return [
    "<capabilities>",
    "",
    "  <host>",
    `    <uuid>${host.uuid}</uuid>`,
    cpuXml(host, "    "),
    "    <migration_features>",
    "      <live/>",
    "      <uri_transports>",
    "        <uri_transport>tcp</uri_transport>",
    "        <uri_transport>rdma</uri_transport>",
    "      </uri_transports>",
    "    </migration_features>",
    "    <topology>",
    "      <cells num='1'>",
    "        <cell id='0'>",
    `          <memory unit='KiB'>${host.memoryMiB * 1024}</memory>`,
    `          <cpus num='${host.cpus}'>`,
    ...cpus,
    "          </cpus>",
    "        </cell>",
    "      </cells>",
    "    </topology>",
    "  </host>",
    "",
    "  <guest>",
    "    <os_type>hvm</os_type>",
    "    <arch name='x86_64'>",
    "      <wordsize>64</wordsize>",
    "      <emulator>/usr/bin/qemu-system-x86_64</emulator>",
    "      <machine maxCpus='255'>pc-i440fx-7.2</machine>",
    "      <machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>",
    "      <machine maxCpus='288'>pc-q35-7.2</machine>",
    "      <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>",
    "      <domain type='qemu'/>",
    "      <domain type='kvm'/>",
    "    </arch>",
    "  </guest>",
    "",
    "</capabilities>",
    "",
  ].join("\n");
}

/** What `virsh domcapabilities` prints, cut to machine and CPU. */
export function domainCapabilitiesXml(host: HostSpec): string {
  return [
    "<domainCapabilities>",
    "  <path>/usr/bin/qemu-system-x86_64</path>",
    "  <domain>kvm</domain>",
    "  <machine>pc-i440fx-7.2</machine>",
    "  <arch>x86_64</arch>",
    "  <vcpu max='255'/>",
    "  <cpu>",
    "    <mode name='host-passthrough' supported='yes'/>",
    "    <mode name='host-model' supported='yes'>",
    `      <model fallback='forbid'>${host.cpuModel}</model>`,
    "      <vendor>Intel</vendor>",
    "    </mode>",
    "    <mode name='custom' supported='yes'>",
    `      <model usable='yes'>${host.cpuModel}</model>`,
    "      <model usable='yes'>qemu64</model>",
    "    </mode>",
    "  </cpu>",
    "</domainCapabilities>",
    "",
  ].join("\n");
}

/** The host's CPU, as it stands in the capabilities and as a baseline answers it. */
export function cpuXml(host: HostSpec, indent = ""): string {
  return [
    "<cpu>",
    "  <arch>x86_64</arch>",
    `  <model>${host.cpuModel}</model>`,
    "  <vendor>Intel</vendor>",
    `  <topology sockets='1' dies='1' cores='${host.cpus}' threads='1'/>`,
    "</cpu>",
  ]
    .map((line) => `${indent}${line}`)
    .join("\n");
}
