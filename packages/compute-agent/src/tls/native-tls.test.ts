import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLabAuthority, type LabAuthority } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostFiles } from "./host-files.ts";
import { destinationTls, nativeTlsCheck, sourceTls } from "./native-tls.ts";
import { readQemuCertificates } from "./qemu-certificates.ts";

describe("certificates of two hosts", () => {
  let folder: string;
  let ours: LabAuthority;
  let strangers: LabAuthority;
  let count = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drover-certificates-"));
    ours = await createLabAuthority(join(folder, "ours"));
    strangers = await createLabAuthority(join(folder, "strangers"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  interface HostOptions {
    readonly conf?: string;
    readonly names?: readonly string[];
    readonly byStrangers?: boolean;
    readonly expired?: "server" | "client";
    readonly withoutClient?: boolean;
    readonly without?: string;
    readonly required?: boolean;
  }

  /** What an agent finds on a host whose /etc/pki/qemu is so. */
  async function host(name: string, options: HostOptions = {}) {
    const { names = [name, "10.1.0.2"], byStrangers = false, conf = "" } = options;
    const pki = join(folder, `host-${count++}`);
    await (byStrangers ? strangers : ours).write({ ...options, folder: pki, user: "qemu", names });
    if (options.without !== undefined) await rm(join(pki, options.without));
    const inPki = (path: string) => path.replace("/etc/pki/qemu", pki);
    const files: HostFiles = {
      read: async (path) => (path.endsWith("qemu.conf") ? conf : await readFile(inPki(path), "utf8")),
      exists: (path) =>
        readFile(inPki(path)).then(
          () => true,
          () => false,
        ),
    };
    return await readQemuCertificates(files, options.required ?? false);
  }

  async function check(source: HostOptions = {}, destination: HostOptions = {}) {
    const [from, to] = await Promise.all([host("h1", source), host("h2", destination)]);
    const place = { host: "h2", inboundAddress: "10.1.0.2" };
    return nativeTlsCheck({ ...place, sourceHost: "h1", source: sourceTls(from), destination: to, nowMs: Date.now() });
  }

  test("good ones on both are used", async () => {
    expect(await check()).toEqual({ check: "native-tls", passed: true, message: expect.stringContaining("with TLS") });
  });

  test.each<[string, HostOptions, HostOptions, string]>([
    ["the source has none", { without: "ca-cert.pem" }, {}, "h1: it has no ca-cert.pem in /etc/pki/qemu"],
    ["the destination has no key", {}, { without: "server-key.pem" }, "h2: it has no server-key.pem in /etc/pki/qemu"],
  ])("in the clear, and said so: %s", async (_, source, destination, why) => {
    const found = await check(source, destination);
    expect(found.message).toContain("in the clear");
    expect(found.message).toContain(why);
    expect(found.passed).toBe(true);
    for (const required of [
      await check({ ...source, required: true }, destination),
      await check(source, { ...destination, conf: "migrate_tls_force = 1" }),
    ]) {
      expect(required.passed).toBe(false);
      expect(required.message).toContain("requires TLS");
      expect(required.message).toContain(why);
    }
  });

  test.each<[string, HostOptions, HostOptions, string[]]>([
    [
      "for another name",
      {},
      { names: ["h9"] },
      ["/etc/pki/qemu/server-cert.pem of h2 is for DNS:h9", "10.1.0.2 nor h2"],
    ],
    [
      "by another authority",
      {},
      { byStrangers: true },
      ["server-cert.pem of h2 is signed by", "client-cert.pem of h1 is signed by"],
    ],
    ["an expired server's", {}, { expired: "server" }, ["server-cert.pem of h2 expired on"]],
    ["an expired client's", { expired: "client" }, {}, ["client-cert.pem of h1 expired on"]],
    [
      "no client's",
      { withoutClient: true },
      {},
      ["there is no client-cert.pem of h1", "migrate_tls_x509_verify = 0 on h2"],
    ],
  ])("refused by file and remedy: %s", async (_, source, destination, told) => {
    const found = await check(source, destination);
    expect(found.passed).toBe(false);
    for (const part of told) expect(found.message).toContain(part);
  });

  test("a destination that does not look at clients needs none", async () => {
    expect(await check({ withoutClient: true }, { conf: "migrate_tls_x509_verify = 0" })).toMatchObject({
      passed: true,
    });
  });

  test("a source that does not say counts as one without", async () => {
    const place = { host: "h2", inboundAddress: "10.1.0.2", sourceHost: "h1", source: null, nowMs: Date.now() };
    expect(nativeTlsCheck({ ...place, destination: await host("h2") })).toMatchObject({ passed: true });
    expect(nativeTlsCheck({ ...place, destination: await host("h2", { required: true }) })).toMatchObject({
      passed: false,
    });
  });

  test.each([
    [["10.1.0.2"], "inbound-address"],
    [["h2"], "host"],
    [["h2", "10.1.0.2"], "inbound-address"],
  ])("a certificate for %o is checked against the %s", async (names, verifiedName) => {
    const own = await host("h2", { names });
    expect(destinationTls(own, { host: "h2", inboundAddress: "10.1.0.2" })).toEqual({
      required: false,
      missing: null,
      verifiedName,
    });
  });

  test("a qemu.conf that may not be read is no guess", async () => {
    const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    const files: HostFiles = { read: () => Promise.reject(denied), exists: async () => true };
    expect(await readQemuCertificates(files, false)).toMatchObject({
      folder: null,
      missing: expect.stringContaining("may not read what names or holds them (EACCES"),
    });
  });
});
