/**
 * Writes `src/checks/recorded-processors.test.gen.ts`: how a real libvirt compares processors of several generations. Needs what
 * the lab needs, takes half a minute, and is run by hand when a processor is added:
 * `node packages/compute-agent/scripts/record-processors.ts`, then `biome check --write` on what it has written.
 *
 * One machine has one processor. So libvirt is told that QEMU offers another: what it learnt from QEMU is in its cache
 * (`/var/cache/libvirt/qemu/capabilities`), and the list of what QEMU's processor has is replaced there by that of the
 * processor wanted. From it libvirt makes the `<cpu>` that a guest with `host-model` would get (virConnectGetDomainCapabilities),
 * and compares others' with it (virConnectCompareHypervisorCPU): names, features and verdicts are libvirt's, by its cpu_map.
 *
 * What a processor has is what the cpu_map says of its model (`virsh cpu-baseline --features`), and beside it what such a host's
 * KVM commonly shows to guests. It is no dump of a particular machine.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LibvirtConnection, VIR_CPU_COMPARE } from "@drover/libvirt";
import { type LabHost, startLab } from "@drover/testkit";

interface Processor {
  readonly name: string;
  readonly model: string;
  readonly vendor: "Intel" | "AMD";
  /** CPUID's family, model and stepping. */
  readonly signature: readonly [family: number, model: number, stepping: number];
  /** Beside those of the model, by libvirt's names. */
  readonly features: readonly string[];
}

const MACHINE = { machine: "pc-q35-7.2", virtType: "qemu" } as const;
const TARGET = new URL("../src/checks/recorded-processors.test.gen.ts", import.meta.url);
const QEMU_VENDOR = { Intel: "GenuineIntel", AMD: "AuthenticAMD" } as const;

const ofIntel = [
  "vme",
  "ss",
  "hypervisor",
  "arat",
  "tsc_adjust",
  "umip",
  "md-clear",
  "stibp",
  "ssbd",
  "pdpe1gb",
  "abm",
];
const ofIntelServer = [...ofIntel, "f16c", "rdrand", "xsaveopt"];
const ofSkylakeServer = [...ofIntelServer, "clflushopt", "pku", "xsaves"];
const ofAmd = [
  "x2apic",
  "tsc-deadline",
  "hypervisor",
  "tsc_adjust",
  "stibp",
  "ssbd",
  "cmp_legacy",
  "amd-ssbd",
  "virt-ssbd",
];

const processors: readonly Processor[] = [
  {
    ...{ name: "Intel Xeon E5-2680 v3", model: "Haswell-noTSX-IBRS", vendor: "Intel", signature: [6, 63, 2] },
    features: ofIntelServer,
  },
  {
    ...{ name: "Intel Xeon E5-2680 v4", model: "Broadwell-IBRS", vendor: "Intel", signature: [6, 79, 1] },
    features: ofIntelServer,
  },
  {
    ...{ name: "Intel Xeon Gold 6130", model: "Skylake-Server-IBRS", vendor: "Intel", signature: [6, 85, 4] },
    features: ofSkylakeServer,
  },
  {
    ...{ name: "Intel Xeon Gold 6230", model: "Cascadelake-Server-noTSX", vendor: "Intel", signature: [6, 85, 7] },
    features: [...ofSkylakeServer, "arch-capabilities", "rdctl-no", "ibrs-all", "skip-l1dfl-vmentry", "mds-no"],
  },
  {
    ...{ name: "AMD EPYC 7502", model: "EPYC-Rome", vendor: "AMD", signature: [23, 49, 0] },
    features: ofAmd,
  },
  {
    ...{ name: "AMD EPYC 7763", model: "EPYC-Milan", vendor: "AMD", signature: [25, 1, 1] },
    features: [...ofAmd, "vaes", "vpclmulqdq", "invpcid"],
  },
];

/** libvirt's names that QEMU has otherwise than with a dash for an underscore. */
const QEMU_NAMES: Readonly<Record<string, string>> = { pclmuldq: "pclmulqdq" };

const VERDICTS: Readonly<Record<number, string>> = {
  [VIR_CPU_COMPARE.VIR_CPU_COMPARE_INCOMPATIBLE]: "incompatible",
  [VIR_CPU_COMPARE.VIR_CPU_COMPARE_IDENTICAL]: "identical",
  [VIR_CPU_COMPARE.VIR_CPU_COMPARE_SUPERSET]: "superset",
};

const lab = await startLab({ hosts: 1 });
try {
  const [host] = lab.hosts;
  if (host === undefined) throw new Error("the lab has no host");
  await writeFile(TARGET, await record(host));
} finally {
  await lab.stop();
}

async function record(host: LabHost): Promise<string> {
  const cache = await learntFile(host);
  const learnt = await readFile(cache, "utf8");
  const offered = new Map<string, string>();
  for (const processor of processors) {
    const features = await featuresOf(host, processor);
    offered.set(processor.name, replaceProcessor(learnt, processor, features));
  }
  const hostModels = new Map<string, string>();
  for (const { name } of processors) {
    await withProcessor(host, cache, offered.get(name) ?? "", async ({ connect }) => {
      hostModels.set(name, hostModelIn(await connect.getDomainCapabilities(MACHINE)));
    });
  }
  const recorded = processors.map(({ name, vendor }) => {
    const verdicts: Record<string, string> = {};
    return { name, vendor, hostModel: hostModels.get(name) ?? "", verdicts };
  });
  for (const { name: at } of processors) {
    await withProcessor(host, cache, offered.get(at) ?? "", async ({ connect }) => {
      for (const { hostModel, verdicts } of recorded) {
        const verdict = await connect.compareHypervisorCPU(hostModel, MACHINE);
        verdicts[at] = VERDICTS[verdict] ?? `unknown ${verdict}`;
      }
    });
  }
  const { stdout: libvirt } = await host.exec("libvirtd", ["--version"]);
  return fixture(libvirt.trim(), recorded);
}

/** The file in which libvirt keeps what it learnt from QEMU for x86_64. */
async function learntFile(host: LabHost): Promise<string> {
  const folder = join(host.folders.cache, "qemu", "capabilities");
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if ((await readFile(path, "utf8")).includes("<emulator>/usr/bin/qemu-system-x86_64</emulator>")) return path;
  }
  throw new Error(`libvirt has learnt nothing of qemu-system-x86_64 in ${folder}`);
}

/** What libvirt's cpu_map says of the model, and what the processor has beside it. */
async function featuresOf(host: LabHost, { model, vendor, features }: Processor): Promise<readonly string[]> {
  const file = join(host.folders.root, "cpu.xml");
  // What a model has in older releases and QEMU dropped is not asked for: the map of this libvirt is what counts.
  const xml = `<cpu><arch>x86_64</arch><model>${model}</model><vendor>${vendor}</vendor><topology sockets='1' dies='1' cores='1' threads='1'/></cpu>`;
  await writeFile(file, xml);
  const expanded = await host.exec("virsh", ["-c", "test:///default", "cpu-baseline", "--features", file]);
  const ofModel = [...expanded.stdout.matchAll(/<feature policy='require' name='([^']+)'/g)].map(
    ([, name = ""]) => name,
  );
  return [...new Set([...ofModel, ...features])];
}

/** The cache as it would be if QEMU had told of that processor. */
function replaceProcessor(learnt: string, { vendor, signature }: Processor, features: readonly string[]): string {
  const wanted = new Set(features.map((name) => QEMU_NAMES[name] ?? name.replaceAll("_", "-")));
  const [family, model, stepping] = signature;
  const values: Readonly<Record<string, string | number>> = { family, model, stepping, vendor: QEMU_VENDOR[vendor] };
  // What keeps the true processor from being a model says nothing of the one that is wanted.
  const unblocked = learnt.replaceAll(
    /(<cpu type='tcg' [^>]*) usable='no'>(?:\s*<blocker name='[^']*'\/>)*\s*<\/cpu>/g,
    "$1 usable='yes'/>",
  );
  return unblocked.replace(/<hostCPU type='tcg'[\s\S]*?<\/hostCPU>/, (section) =>
    section
      .replaceAll(
        /<property name='([^']+)' type='boolean' value='[^']+'(?: migratable='[^']+')?\/>/g,
        (_, name: string) =>
          wanted.has(name)
            ? `<property name='${name}' type='boolean' value='true' migratable='yes'/>`
            : `<property name='${name}' type='boolean' value='false'/>`,
      )
      .replaceAll(/(<property name='(family|model|stepping|vendor)' type='[a-z]+' value=')[^']+'/g, (_, head, name) => {
        return `${head}${values[String(name)]}'`;
      }),
  );
}

/** Has libvirt started anew with that cache. */
async function withProcessor(
  host: LabHost,
  cache: string,
  content: string,
  work: (connection: LibvirtConnection) => Promise<void>,
): Promise<void> {
  await host.killLibvirtd();
  await writeFile(cache, content);
  await host.startLibvirtd();
  if ((await readFile(cache, "utf8")) !== content)
    throw new Error("libvirt did not take the cache, and asked QEMU again");
  const connection = await LibvirtConnection.open(host.uri);
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

/** The `<cpu>` of a running guest with `host-model`, from the domain capabilities. */
function hostModelIn(capabilities: string): string {
  const [, inner] = /<mode name='host-model' supported='yes'>([\s\S]*?)<\/mode>/.exec(capabilities) ?? [];
  if (inner === undefined) throw new Error("libvirt offers no host-model");
  const lines = inner.split("\n");
  return ["<cpu mode='custom' match='exact' check='full'>", ...lines.map((line) => line.trim()), "</cpu>"]
    .filter((line) => line !== "" && !line.startsWith("<maxphysaddr"))
    .join("");
}

function fixture(libvirt: string, recorded: readonly object[]): string {
  return [
    "// Made by `node packages/compute-agent/scripts/record-processors.ts`, which says how. Do not edit.",
    `// The verdicts are those of ${libvirt}, virConnectCompareHypervisorCPU with ${MACHINE.machine}.`,
    "",
    "/** A processor, and what libvirt says of its guests elsewhere. */",
    "interface RecordedProcessor {",
    "  readonly name: string;",
    "  readonly vendor: string;",
    "  /** The `<cpu>` of a guest with `host-model` there, once it runs. */",
    "  readonly hostModel: string;",
    "  /** By the name of the processor that such a guest would move to. */",
    '  readonly verdicts: Readonly<Record<string, "identical" | "superset" | "incompatible">>;',
    "}",
    "",
    `export const recordedProcessors: readonly RecordedProcessor[] = ${JSON.stringify(recorded, null, 2)};`,
    "",
  ].join("\n");
}
