import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLabAuthority, type LabAuthority } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HostFiles, machineFiles, noFiles } from "./host-files.ts";
import { libvirtTlsCheck, readSourceLibvirtTls } from "./libvirt-certificates.ts";

describe("certificates of two libvirtd", () => {
  let folder: string;
  let ours: LabAuthority;
  let strangers: LabAuthority;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drover-libvirt-certificates-"));
    ours = await createLabAuthority(join(folder, "ours"));
    strangers = await createLabAuthority(join(folder, "strangers"));
    await Promise.all([
      ours.write({ folder: join(folder, "h1"), user: "libvirt", names: ["h1"] }),
      ours.write({ folder: join(folder, "h2"), user: "libvirt", names: ["h2"] }),
      ours.write({ folder: join(folder, "expired"), user: "libvirt", names: ["h2"], expired: "server" }),
      strangers.write({ folder: join(folder, "foreign"), user: "libvirt", names: ["h2"] }),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A host whose files of libvirt are those of a folder. */
  function host(name: string, conf = ""): HostFiles {
    const inPki = (path: string) => join(folder, name, path.slice(path.lastIndexOf("/")));
    return {
      read: async (path) => (path.endsWith(".conf") ? conf : await readFile(inPki(path), "utf8")),
      exists: (path) => machineFiles.exists(inPki(path)),
    };
  }

  const facts = { host: "h2", sourceHost: "h1", libvirtUri: "qemu+tls://h2/system" };

  async function check(
    source: HostFiles,
    files: HostFiles,
    change: Partial<typeof facts> = {},
    ownUri = "qemu+tls://h1/system",
  ) {
    return await libvirtTlsCheck({
      ...facts,
      ...change,
      nowMs: Date.now(),
      source: await readSourceLibvirtTls(source, ownUri),
      files,
    });
  }

  test.each([
    ["they fit", {}, "their certificates fit"],
    ["there is no TLS", { libvirtUri: "qemu+tcp://h2/system" }, "without TLS"],
    [
      "the source's are elsewhere",
      { libvirtUri: "qemu+tls://h2/system?pkipath=/x" },
      "dialled with those in /x, and h1 told",
    ],
  ])("passed: %s", async (_, change, message) => {
    expect(await check(host("h1"), host("h2"), change)).toMatchObject({
      passed: true,
      message: expect.stringContaining(message),
    });
  });

  test.each<[string, () => HostFiles, () => HostFiles, Partial<typeof facts>, string]>([
    [
      "another name",
      () => host("h1"),
      () => host("h2"),
      { libvirtUri: "qemu+tls://10.0.0.2/system" },
      "names not 10.0.0.2",
    ],
    ["expired", () => host("h1"), () => host("expired"), {}, "/etc/pki/libvirt/servercert.pem of h2 expired on"],
    [
      "another authority",
      () => host("foreign"),
      () => host("h2"),
      {},
      "/etc/pki/libvirt/clientcert.pem of h1 is signed by",
    ],
    ["none at the destination", () => host("h1"), () => noFiles, {}, "has no /etc/pki/libvirt/servercert.pem"],
    ["none at the source", () => noFiles, () => host("h2"), {}, "h1 has no /etc/pki/CA/cacert.pem"],
  ])("refused by file: %s", async (_, source, destination, change, message) => {
    expect(await check(source(), destination(), change)).toMatchObject({
      passed: false,
      message: expect.stringContaining(message),
    });
  });

  test("a destination that looks at no client's needs none", async () => {
    const open = host("h2", "tls_no_verify_certificate = 1");
    const source = { authorityPem: await host("h1").read("/etc/pki/CA/cacert.pem"), clientPem: null, pkipath: null };
    expect(await libvirtTlsCheck({ ...facts, nowMs: Date.now(), source, files: open })).toMatchObject({ passed: true });
    expect(await libvirtTlsCheck({ ...facts, nowMs: Date.now(), source, files: host("h2") })).toMatchObject({
      passed: false,
    });
  });

  test("a folder that both hosts' URIs name is where the source's are looked at", async () => {
    const read: string[] = [];
    const noting = (files: HostFiles): HostFiles => ({
      ...files,
      read: (path) => {
        read.push(path);
        return files.read(path);
      },
    });
    const [inFolder, own] = [{ libvirtUri: "qemu+tls://h2/system?pkipath=/x" }, "qemu+tls://h1/system?pkipath=/x"];
    expect(await check(noting(host("h1")), host("h2"), inFolder, own)).toMatchObject({
      passed: true,
      message: expect.stringContaining("their certificates fit"),
    });
    expect(read.sort()).toEqual(["/x/cacert.pem", "/x/clientcert.pem"]);
    expect(await check(host("foreign"), host("h2"), inFolder, own)).toMatchObject({
      passed: false,
      message: expect.stringContaining("/x/clientcert.pem of h1 is signed by"),
    });
    expect(await check(host("h1"), host("h2"), {}, own)).toMatchObject({
      passed: true,
      message: expect.stringContaining("told those in /x"),
    });
  });

  test("what an agent may not read is left to libvirt", async () => {
    const denied: HostFiles = { ...noFiles, read: () => Promise.reject(new Error("EACCES: permission denied")) };
    expect(await check(host("h1"), denied)).toMatchObject({ passed: true, message: expect.stringContaining("EACCES") });
    expect(await check(denied, host("h2"))).toMatchObject({ passed: true });
  });
});
