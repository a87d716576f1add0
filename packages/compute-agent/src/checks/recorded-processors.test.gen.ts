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
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Haswell-noTSX</model><vendor>Intel</vendor><feature policy='require' name='vme'/><feature policy='require' name='ss'/><feature policy='require' name='f16c'/><feature policy='require' name='rdrand'/><feature policy='require' name='hypervisor'/><feature policy='require' name='arat'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='umip'/><feature policy='require' name='md-clear'/><feature policy='require' name='spec-ctrl'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaveopt'/><feature policy='require' name='pdpe1gb'/><feature policy='require' name='abm'/><feature policy='disable' name='pcid'/><feature policy='disable' name='x2apic'/><feature policy='disable' name='tsc-deadline'/><feature policy='disable' name='invpcid'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "identical",
      "Intel Xeon E5-2680 v4": "superset",
      "Intel Xeon Gold 6130": "superset",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "Intel Xeon E5-2680 v4",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Broadwell-noTSX</model><vendor>Intel</vendor><feature policy='require' name='vme'/><feature policy='require' name='ss'/><feature policy='require' name='f16c'/><feature policy='require' name='rdrand'/><feature policy='require' name='hypervisor'/><feature policy='require' name='arat'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='hle'/><feature policy='require' name='rtm'/><feature policy='require' name='umip'/><feature policy='require' name='md-clear'/><feature policy='require' name='spec-ctrl'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaveopt'/><feature policy='require' name='pdpe1gb'/><feature policy='require' name='abm'/><feature policy='disable' name='pcid'/><feature policy='disable' name='x2apic'/><feature policy='disable' name='tsc-deadline'/><feature policy='disable' name='invpcid'/><feature policy='disable' name='rdseed'/><feature policy='disable' name='3dnowprefetch'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "identical",
      "Intel Xeon Gold 6130": "incompatible",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "incompatible",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "Intel Xeon Gold 6130",
    "vendor": "Intel",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Skylake-Server</model><vendor>Intel</vendor><feature policy='require' name='ss'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='clflushopt'/><feature policy='require' name='umip'/><feature policy='require' name='pku'/><feature policy='require' name='md-clear'/><feature policy='require' name='spec-ctrl'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='xsaves'/><feature policy='disable' name='pcid'/><feature policy='disable' name='x2apic'/><feature policy='disable' name='tsc-deadline'/><feature policy='disable' name='hle'/><feature policy='disable' name='invpcid'/><feature policy='disable' name='rtm'/><feature policy='disable' name='avx512f'/><feature policy='disable' name='avx512dq'/><feature policy='disable' name='rdseed'/><feature policy='disable' name='avx512cd'/><feature policy='disable' name='avx512bw'/><feature policy='disable' name='avx512vl'/><feature policy='disable' name='xsavec'/><feature policy='disable' name='3dnowprefetch'/></cpu>",
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
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Cascadelake-Server</model><vendor>Intel</vendor><feature policy='require' name='ss'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='umip'/><feature policy='require' name='pku'/><feature policy='require' name='md-clear'/><feature policy='require' name='stibp'/><feature policy='require' name='arch-capabilities'/><feature policy='require' name='xsaves'/><feature policy='require' name='rdctl-no'/><feature policy='require' name='ibrs-all'/><feature policy='require' name='skip-l1dfl-vmentry'/><feature policy='require' name='mds-no'/><feature policy='disable' name='pcid'/><feature policy='disable' name='x2apic'/><feature policy='disable' name='tsc-deadline'/><feature policy='disable' name='hle'/><feature policy='disable' name='invpcid'/><feature policy='disable' name='rtm'/><feature policy='disable' name='avx512f'/><feature policy='disable' name='avx512dq'/><feature policy='disable' name='rdseed'/><feature policy='disable' name='avx512cd'/><feature policy='disable' name='avx512bw'/><feature policy='disable' name='avx512vl'/><feature policy='disable' name='avx512vnni'/><feature policy='disable' name='spec-ctrl'/><feature policy='disable' name='ssbd'/><feature policy='disable' name='xsavec'/><feature policy='disable' name='3dnowprefetch'/></cpu>",
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
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC-Rome</model><vendor>AMD</vendor><feature policy='require' name='x2apic'/><feature policy='require' name='tsc-deadline'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='cmp_legacy'/><feature policy='require' name='amd-ssbd'/><feature policy='require' name='virt-ssbd'/><feature policy='disable' name='rdseed'/><feature policy='disable' name='sha-ni'/><feature policy='disable' name='rdpid'/><feature policy='disable' name='xsavec'/><feature policy='disable' name='xsaves'/><feature policy='disable' name='fxsr_opt'/><feature policy='disable' name='misalignsse'/><feature policy='disable' name='3dnowprefetch'/><feature policy='disable' name='osvw'/><feature policy='disable' name='topoext'/><feature policy='disable' name='perfctr_core'/><feature policy='disable' name='clzero'/><feature policy='disable' name='xsaveerptr'/><feature policy='disable' name='wbnoinvd'/><feature policy='disable' name='ibpb'/><feature policy='disable' name='amd-stibp'/><feature policy='disable' name='nrip-save'/></cpu>",
    "verdicts": {
      "Intel Xeon E5-2680 v3": "incompatible",
      "Intel Xeon E5-2680 v4": "incompatible",
      "Intel Xeon Gold 6130": "incompatible",
      "Intel Xeon Gold 6230": "incompatible",
      "AMD EPYC 7502": "identical",
      "AMD EPYC 7763": "incompatible"
    }
  },
  {
    "name": "AMD EPYC 7763",
    "vendor": "AMD",
    "hostModel": "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC-Milan</model><vendor>AMD</vendor><feature policy='require' name='x2apic'/><feature policy='require' name='tsc-deadline'/><feature policy='require' name='hypervisor'/><feature policy='require' name='tsc_adjust'/><feature policy='require' name='vaes'/><feature policy='require' name='vpclmulqdq'/><feature policy='require' name='stibp'/><feature policy='require' name='ssbd'/><feature policy='require' name='cmp_legacy'/><feature policy='require' name='virt-ssbd'/><feature policy='disable' name='pcid'/><feature policy='disable' name='invpcid'/><feature policy='disable' name='rdseed'/><feature policy='disable' name='sha-ni'/><feature policy='disable' name='rdpid'/><feature policy='disable' name='fsrm'/><feature policy='disable' name='xsavec'/><feature policy='disable' name='xsaves'/><feature policy='disable' name='fxsr_opt'/><feature policy='disable' name='misalignsse'/><feature policy='disable' name='3dnowprefetch'/><feature policy='disable' name='osvw'/><feature policy='disable' name='topoext'/><feature policy='disable' name='perfctr_core'/><feature policy='disable' name='clzero'/><feature policy='disable' name='xsaveerptr'/><feature policy='disable' name='wbnoinvd'/><feature policy='disable' name='ibpb'/><feature policy='disable' name='ibrs'/><feature policy='disable' name='amd-stibp'/><feature policy='disable' name='amd-ssbd'/><feature policy='disable' name='nrip-save'/></cpu>",
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
