import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { createLabAuthority, type LabAuthority } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storageNotReached } from "../storage/storage-reach.ts";
import { dialDestination } from "./dial-destination.ts";
import { knockByMachine } from "./knock.ts";

/** Nobody is given it. */
const closedPort = 1;
let open: ReturnType<typeof createServer>;
let openPort: number;

beforeAll(async () => {
  open = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(open, "listening");
  openPort = (open.address() as AddressInfo).port;
});
afterAll(() => open.close());

describe("a libvirtd over TCP", () => {
  test("that is reached is told with how long it took", async () => {
    expect(await dialDestination(`qemu+tcp://127.0.0.1:${openPort}/system`)).toMatchObject({
      kind: "answers",
      where: `127.0.0.1:${openPort}`,
      ms: expect.any(Number),
      certificateUntil: null,
    });
  });

  test.each([
    ["where nothing listens", () => `qemu+tcp://127.0.0.1:${closedPort}/system`, /refused: nothing listens/],
    ["of a name that nobody knows", () => "qemu+tcp://no-such-host.invalid/system", /the name is not known/],
  ])("%s is told with why not", async (_, uri, problem) => {
    expect(await dialDestination(uri())).toMatchObject({ kind: "fails", problem: expect.stringMatching(problem) });
  });

  test.each(["qemu+ssh://root@h2/system", "qemu:///system"])("%s is libvirt's to dial", async (uri) => {
    expect(await dialDestination(uri)).toMatchObject({ kind: "untried", why: expect.stringContaining(uri) });
  });
});

describe("a libvirtd over TLS", () => {
  let folder: string;
  let ours: LabAuthority;
  let server: tls.Server;
  let uri: (certificates: string) => string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drover-dial-"));
    ours = await createLabAuthority(join(folder, "ours"));
    const strangers = await createLabAuthority(join(folder, "strangers"));
    await Promise.all([
      ours.write({ folder: join(folder, "h2"), user: "libvirt", names: ["localhost"] }),
      ours.write({ folder: join(folder, "h1"), user: "libvirt", names: ["h1"] }),
      strangers.write({ folder: join(folder, "foreign"), user: "libvirt", names: ["h1"] }),
    ]);
    const file = (name: string) => readFile(join(folder, "h2", name));
    const [ca, cert, key] = await Promise.all(["cacert.pem", "servercert.pem", "serverkey.pem"].map(file));
    server = tls.createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (socket) => {
      socket.on("error", () => undefined);
      // libvirtd's word that it accepts the client.
      socket.write(Buffer.of(1));
    });
    server.on("tlsClientError", () => undefined);
    server.listen(0, "localhost");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    uri = (certificates) => `qemu+tls://localhost:${port}/system?pkipath=${join(folder, certificates)}`;
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  test("is told with how long its certificate is good", async () => {
    expect(await dialDestination(uri("h1"))).toMatchObject({
      kind: "answers",
      certificateUntil: expect.stringMatching(/ GMT$/),
    });
  });

  test("whose certificate is another authority's is told with what helps", async () => {
    expect(await dialDestination(uri("foreign"))).toMatchObject({
      kind: "fails",
      problem: expect.stringContaining("servercert.pem"),
    });
  });

  test("is not tried without certificates of the agent's own", async () => {
    expect(await dialDestination(uri("nowhere"))).toMatchObject({
      kind: "untried",
      why: expect.stringContaining("clientcert.pem"),
    });
  });
});

describe("a port", () => {
  test("is open, closed or out of reach", async () => {
    expect(await knockByMachine("127.0.0.1", openPort)).toMatchObject({ kind: "open" });
    expect(await knockByMachine("127.0.0.1", closedPort)).toMatchObject({ kind: "closed" });
    expect(await knockByMachine("no-such-host.invalid", 1)).toEqual({
      kind: "unreachable",
      problem: "the name is not known",
    });
  });

  test("of a storage server: one that answers is enough", async () => {
    const disk = (target: string, ...ports: readonly number[]) => ({
      ...{
        target,
        need: "stays" as const,
        path: null,
        format: "raw",
        capacityBytes: 0,
        writtenBytes: 0,
        reason: "rbd",
      },
      servers: ports.map((port) => ({ address: "127.0.0.1", port })),
    });
    const disks = [disk("vda", closedPort, openPort), disk("vdb"), disk("vdc", closedPort)];
    expect(await storageNotReached(disks, knockByMachine)).toEqual([
      `vdc: of the 1 servers of its storage none answers (127.0.0.1:${closedPort} refuses the connection)`,
    ]);
  });
});
