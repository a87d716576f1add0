// Made by `node packages/compute-agent/scripts/record-processors.ts`, which says how. Do not edit.
// The verdicts are those of libvirtd (libvirt) 9.0.0, virConnectCompareHypervisorCPU with pc-q35-7.2.

/** A processor, and what libvirt says of its guests elsewhere. */
interface RecordedProcessor {
  readonly name: string;
  readonly vendor: string;
  /** The `<cpu>` of a guest with `host-model` there, once it runs. */
  readonly hostModel: string;
  /** By the name of the processor that such a guest would move to. */
  readonly verdicts: Readonly<Record<string, "identical" | "superset" | "incompatible">>;
}

export const recordedProcessors: readonly RecordedProcessor[] = [
  {
    "name": "Intel Xeon E5-2680 v3",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Haswell-noTSX-IBRS</model><vendor>Intel</vendor><feature policy='require' name='vme'/><feature policy='require' name='ss'/><feature policy='require' name='f16c'/><feature policy='require' name='rdrand'/><feature policy='require' name='hypervisor'/><feature policy='require' name='arat'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='umip'/><feature policy='require' name='md-clear'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaveopt'/><feature policy='require' name='pdpe1gb'/><feature policy='require' name='abm'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "identical",
      "Intel Xeon E5-2680 v4": "superset",
      "Intel Xeon Gold 6130": "superset",
      "Intel Xeon Gold 6230": "superset",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "Intel Xeon E5-2680 v4",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Broadwell-IBRS</model><vendor>Intel</vendor><feature policy='require' name='vme'/><feature policy='require' name='ss'/><feature policy='require' name='f16c'/><feature policy='require' name='rdrand'/><feature policy='require' name='hypervisor'/><feature policy='require' name='arat'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='umip'/><feature policy='require' name='md-clear'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaveopt'/><feature policy='require' name='pdpe1gb'/><feature policy='require' name='abm'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "identical",
      "Intel Xeon Gold 6130": "superset",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "Intel Xeon Gold 6130",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Skylake-Server-IBRS</model><vendor>Intel</vendor><feature policy='require' name='ss'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='clflushopt'/><feature policy='require' name='umip'/><feature policy='require' name='pku'/><feature policy='require' name='md-clear'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaves'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "incompatible",
      "Intel Xeon Gold 6130": "identical",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "Intel Xeon Gold 6230",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Cascadelake-Server</model><vendor>Intel</vendor><feature policy='require' name='ss'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='umip'/><feature policy='require' name='pku'/><feature policy='require' name='md-clear'/><feature policy='require' name='stibp'/><feature policy='require' name='arch-capabilities'/><feature policy='require' name='xsaves'/><feature policy='require' name='rdctl-no'/><feature policy='require' name='ibrs-all'/><feature policy='require' name='skip-l1dfl-vmentry'/><feature policy='require' name='mds-no'/><feature policy='disable' name='hle'/><feature policy='disable' name='rtm'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "incompatible",
      "Intel Xeon Gold 6130": "incompatible",
      "Intel Xeon Gold 6230": "identical",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "AMD EPYC 7502",
    "vendor": "AMD",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC-Rome</model><vendor>AMD</vendor><feature policy='require' name='x2apic'/><feature policy='require' name='tsc-deadline'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='cmp_legacy'/><feature policy='require' name='amd-ssbd'/><feature policy='require' name='virt-ssbd'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "incompatible",
      "Intel Xeon Gold 6130": "incompatible",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "identical",
      "AMD EPYC 7763": "superset"
    }
  },
  {
    "name": "AMD EPYC 7763",
    "vendor": "AMD",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC-Milan</model><vendor>AMD</vendor><feature policy='require' name='x2apic'/><feature policy='require' name='tsc-deadline'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='vaes'/><feature policy='require' name='vpclmulqdq'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='cmp_legacy'/><feature policy='require' name='virt-ssbd'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "incompatible",
      "Intel Xeon Gold 6130": "incompatible",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "identical"
    }
  }
];
