import { describe, expect, test } from "vitest";
import { kindOfPool, poolForOthers, readPool } from "./pool-definition.ts";

const DIRECT = `<pool type='iscsi-direct'><name>targets</name><uuid>3cbabdc8-78a4-41ae-971d-6f49df4c4890</uuid>
  <capacity unit='bytes'>8388096</capacity><allocation unit='bytes'>8388096</allocation><available unit='bytes'>0</available>
  <source><host name='10.0.0.9' port='3260'/><device path='iqn.2026-11.org.drover:web'/>
    <initiator><iqn name='iqn.2026-11.org.drover:all'/></initiator></source></pool>`;

describe("a pool", () => {
  test("of network storage is known by all that its server chooses by", () => {
    expect(readPool(DIRECT)).toEqual({
      name: "targets",
      type: "iscsi-direct",
      targetPath: null,
      servers: ["10.0.0.9"],
      endpoints: [{ address: "10.0.0.9", port: 3260 }],
      needsSecret: false,
      storage: "10.0.0.9:3260, device iqn.2026-11.org.drover:web, initiator iqn.2026-11.org.drover:all",
    });
  });

  test.each<[string, (xml: string) => string, boolean]>([
    ["another uuid and size", (xml) => xml.replace("3cbabdc8", "00000000").replaceAll("8388096", "1"), true],
    ["no port, which is the usual one", (xml) => xml.replace(" port='3260'", ""), true],
    ["another port", (xml) => xml.replace("3260", "3261"), false],
    ["another server", (xml) => xml.replace("10.0.0.9", "10.0.0.8"), false],
    ["another target", (xml) => xml.replace(":web", ":db"), false],
    ["another initiator", (xml) => xml.replace(":all", ":h2"), false],
    [
      "a user",
      (xml) => xml.replace("<source>", "<source><auth type='chap' username='olga'><secret usage='u'/></auth>"),
      false,
    ],
  ])("with %s", (_, change, isSame) => {
    expect(readPool(change(DIRECT)).storage === readPool(DIRECT).storage).toBe(isSame);
  });

  test("is defined on another host without what this one says of itself", () => {
    const xml = poolForOthers(DIRECT);
    expect(xml).not.toMatch(/uuid|capacity|allocation|available/);
    expect(readPool(xml)).toEqual(readPool(DIRECT));
    const options = "<features><cow state='yes'/></features><fs:mount_opts><fs:option name='suid'/></fs:mount_opts>";
    const odd = DIRECT.replace("<source>", `${options}<source>`).replace("<pool ", "<pool xmlns:fs='urn:fs' ");
    expect(poolForOthers(odd)).toBe(xml);
  });

  test.each([
    ["dir", "files"],
    ["fs", "files"],
    ["netfs", "network"],
    ["iscsi", "network"],
    ["rbd", "network"],
    ["logical", "devices"],
    ["disk", "devices"],
    ["scsi", "devices"],
    ["something new", "devices"],
  ])("of type %s is of %s", (type, kind) => {
    expect(kindOfPool({ type })).toBe(kind);
  });
});
