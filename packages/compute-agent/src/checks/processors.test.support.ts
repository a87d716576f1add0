/**
 * For tests: what `virsh capabilities` has of four generations of processors. Written by hand in its form, with the models of
 * libvirt's cpu_map; the lists of features are shortened.
 */

interface Processor {
  /** libvirt's name of the model, and its vendor. */
  readonly model: string;
  readonly vendor: string;
  /** Those that libvirt lists beside what the model has. */
  readonly features: readonly string[];
  readonly capabilities: string;
}

const known: readonly Omit<Processor, "capabilities">[] = [
  {
    model: "Haswell-noTSX-IBRS",
    vendor: "Intel",
    features: ["vme", "ds", "acpi", "ss", "ht", "tm", "vmx", "osxsave", "f16c", "rdrand", "arat", "tsc_adjust", "abm"],
  },
  {
    model: "Skylake-Server-IBRS",
    vendor: "Intel",
    features: ["ds", "acpi", "ss", "ht", "vmx", "smx", "est", "xtpr", "pdcm", "dca", "osxsave", "tsc_adjust", "pku"],
  },
  {
    model: "Cascadelake-Server-noTSX",
    vendor: "Intel",
    features: [
      "ds",
      "acpi",
      "ss",
      "ht",
      "vmx",
      "osxsave",
      "cmt",
      "pku",
      "ospke",
      "md-clear",
      "stibp",
      "arch-capabilities",
    ],
  },
  {
    model: "EPYC-Rome",
    vendor: "AMD",
    features: [
      "ht",
      "monitor",
      "osxsave",
      "rdt_a",
      "cmp_legacy",
      "extapic",
      "skinit",
      "wdt",
      "topoext",
      "ibs",
      "mwaitx",
    ],
  },
];

export const processors: readonly Processor[] = known.map(({ model, vendor, features }) => ({
  model,
  vendor,
  features,
  capabilities: `<capabilities>
  <host>
    <uuid>6f6e0c5c-0000-4000-8000-00000000000a</uuid>
    <cpu>
      <arch>x86_64</arch>
      <model>${model}</model>
      <vendor>${vendor}</vendor>
      <microcode version='1'/>
      <signature family='6' model='85' stepping='7'/>
      <counter name='tsc' frequency='2100000000' scaling='no'/>
      <topology sockets='1' dies='1' cores='16' threads='2'/>
      <maxphysaddr mode='emulate' bits='46'/>
${features.map((name) => `      <feature name='${name}'/>`).join("\n")}
      <pages unit='KiB' size='4'/>
      <pages unit='KiB' size='2048'/>
    </cpu>
  </host>
  <guest><os_type>hvm</os_type><arch name='x86_64'><wordsize>64</wordsize><machine>pc-q35-7.2</machine>
    <domain type='qemu'/><domain type='kvm'/></arch></guest>
</capabilities>`,
}));
