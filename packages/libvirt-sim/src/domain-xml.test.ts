import { describe, expect, test } from "vitest";
import { formatDomainXml, parseDomainXml, withLoad, withName } from "./domain-xml.ts";

const SMALL = `<domain type='qemu'>
  <name>small</name>
  <memory unit='MiB'>256</memory>
  <description>R&amp;D &lt;first&gt;</description>
  <devices>
    <disk type='file' device='disk'><source file='/a.qcow2'/><target dev='vda'/></disk>
    <disk type='file' device='cdrom'><source file='/b.iso'/><target dev='sda'/><readonly/></disk>
    <disk type='network' device='disk'><source protocol='nbd' name='x'/><target dev='vdb'/></disk>
    <disk type='volume' device='disk'><source pool='targets' volume='unit:0:0:1'/><target dev='vdc'/></disk>
  </devices>
</domain>`;

describe("a domain document", () => {
  test("is read for what the simulation needs, and kept whole", () => {
    const definition = parseDomainXml(SMALL);
    expect(definition).toMatchObject({
      name: "small",
      memoryKiB: 262_144,
      vcpus: 1,
      osType: "hvm",
      fileDisks: [
        { target: "vda", path: "/a.qcow2", writable: true },
        { target: "sda", path: "/b.iso", writable: false },
      ],
      volumes: [{ pool: "targets", name: "unit:0:0:1" }],
    });
    const xml = formatDomainXml(definition, 7);
    expect(xml).toContain('<domain type="qemu" id="7">');
    expect(xml).toContain('<memory unit="KiB">262144</memory>');
    expect(xml).toContain("R&amp;D &lt;first&gt;");
    expect(xml).toContain('<source protocol="nbd" name="x"/>');
  });

  test("says the same once it has been printed and read again", () => {
    const definition = parseDomainXml(SMALL);
    expect(parseDomainXml(formatDomainXml(definition, 3))).toMatchObject({ ...definition, root: expect.anything() });
    expect(formatDomainXml(parseDomainXml(formatDomainXml(definition, 3)))).toBe(formatDomainXml(definition));
  });

  test("carries the guest's load, also under another name", () => {
    const load = { memoryMiB: 256, touchedMiB: 100, workingSetMiB: 50, dirtyMiBps: 12.5 };
    const definition = withName(withLoad(withLoad(parseDomainXml(SMALL), { ...load, dirtyMiBps: 1 }), load), "other");
    expect(parseDomainXml(formatDomainXml(definition))).toMatchObject({ name: "other", load });
  });

  test.each([
    ["<domain", 27],
    ["<network><name>n</name></network>", 27],
    ["<domain><memory>1024</memory></domain>", 21],
    ["<domain><name>n</name></domain>", 27],
    ["<domain><name>n</name><memory unit='furlong'>1</memory></domain>", 27],
    ["<domain><name>n</name><uuid>none</uuid><memory>1024</memory></domain>", 27],
  ])("is refused as libvirt refuses it: %s", (xml, code) => {
    expect(() => parseDomainXml(xml)).toThrow(expect.objectContaining({ libvirtCode: code }));
  });
});
