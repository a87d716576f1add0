import { describe, expect, it } from "vitest";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { readHostCapabilities } from "../guest/host-capabilities.ts";
import { cpuToCompare } from "./cpu-to-compare.ts";
import { processors } from "./processors.test.support.ts";

const guest = (type: string, cpu: string) =>
  readGuestDefinition(
    `<domain type='${type}'><name>web</name><memory unit='KiB'>1048576</memory><vcpu>2</vcpu>` +
      `<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>${cpu}<devices/></domain>`,
  );

describe.each(processors)("on a host with $model", ({ model, vendor, features, capabilities }) => {
  const host = readHostCapabilities(capabilities);

  it("its processor is read whole", () => {
    expect(host).toMatchObject({ cpuArch: "x86_64", cpuModel: model });
    expect(host.cpuXml).toContain(`<vendor>${vendor}</vendor>`);
    for (const feature of features) expect(host.cpuXml).toMatch(new RegExp(`<feature name=["']${feature}["']`));
  });

  it.each(["host-passthrough", "maximum"])("a KVM guest with %s needs all of it on the destination", (mode) => {
    const definition = guest("kvm", `<cpu mode='${mode}' check='none' migratable='on'/>`);
    expect(cpuToCompare(definition, host.cpuXml)).toEqual({ cpuXml: host.cpuXml, cpuOf: "host" });
    expect(cpuToCompare(definition, null)).toEqual({ cpuXml: null, cpuOf: "host" });
  });

  it("a guest whose host-model became a model of its own needs that, and not the host's", () => {
    const [first = ""] = features;
    const definition = guest(
      "kvm",
      `<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>${model}</model>` +
        `<vendor>${vendor}</vendor><feature policy='require' name='${first}'/></cpu>`,
    );
    const { cpuXml: asked, cpuOf } = cpuToCompare(definition, host.cpuXml);
    expect(cpuOf).toBe("guest");
    expect(asked).toBe(definition.cpuXml);
    expect(asked).not.toBe(host.cpuXml);
    expect(asked).toContain(first);
  });
});

it("a guest without a <cpu>, or with QEMU's own, is compared with nothing", () => {
  expect(cpuToCompare(guest("kvm", ""), "<cpu/>").cpuXml).toBeNull();
  expect(cpuToCompare(guest("qemu", "<cpu mode='maximum'/>"), "<cpu/>").cpuXml).toBeNull();
});
