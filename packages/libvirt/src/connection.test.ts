import { describe, expect, test } from "vitest";
import { LibvirtConnection } from "./connection.ts";
import { LibvirtError } from "./libvirt-error.ts";
import type { LibvirtHandlers, OutgoingReply, ReplyFate } from "./server/libvirt-handlers.ts";
import { fakeLibvirtd, listen, rejectionOf } from "./testing/fake-libvirtd.ts";

const dom = { name: "busy", uuid: "cecb520b-8b90-4cb8-a502-c9ff48cb23e8", id: 1 };

/** A handler that answers when told to. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

function unless(procedure: string, fate: ReplyFate): (reply: OutgoingReply) => ReplyFate {
  return (reply) => (reply.procedure === procedure ? fate : { kind: "send" });
}

describe("calls", () => {
  test("are answered in any order, each with its own reply", async () => {
    const slow = gate();
    await using server = await fakeLibvirtd({
      domainLookupByName: async ({ name }) => {
        if (name === "slow") await slow.opened;
        return { dom: { ...dom, name } };
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const first = connection.domain.lookupByName("slow");
    expect(await connection.domain.lookupByName("fast")).toMatchObject({ name: "fast" });
    slow.open();
    expect(await first).toMatchObject({ name: "slow" });
  });

  test("that libvirtd refuses reject with its code, domain, level and text, and the connection goes on", async () => {
    await using server = await fakeLibvirtd({
      domainLookupByName: () => {
        throw LibvirtError.refusal("VIR_ERR_NO_DOMAIN", "Domain not found: no domain with matching name 'gone'");
      },
      connectGetHostname: () => ({ hostname: "host-1" }),
    });
    await using connection = await LibvirtConnection.open(server.uri);
    await expect(connection.domain.lookupByName("gone")).rejects.toMatchObject({
      code: "libvirt",
      libvirtCodeName: "VIR_ERR_NO_DOMAIN",
      libvirtDomain: 10,
      level: 2,
      text: "Domain not found: no domain with matching name 'gone'",
    });
    await expect(connection.domain.suspend(dom)).rejects.toMatchObject({ libvirtCodeName: "VIR_ERR_NO_SUPPORT" });
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("that do not fit the wire are refused before anything is sent", async () => {
    await using server = await fakeLibvirtd({ connectGetHostname: () => ({ hostname: "host-1" }) });
    await using connection = await LibvirtConnection.open(server.uri);
    for (const call of [
      connection.domain.lookupByUUID("no uuid"),
      connection.migration.setMaxDowntime(dom, 0.5),
      connection.migration.setMaxSpeed(dom, -1),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "bad-request" });
    }
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("past their deadline reject, and the late reply is dropped", async () => {
    const slow = gate();
    await using server = await fakeLibvirtd({
      domainSuspend: async () => {
        await slow.opened;
        return {};
      },
      connectGetHostname: () => ({ hostname: "host-1" }),
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const error = await rejectionOf(connection.domain.suspend(dom, { deadlineMs: 20 }));
    expect(error).toMatchObject({ code: "deadline-exceeded", details: { procedure: "domainSuspend", sent: true } });
    slow.open();
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("are given up when their signal aborts, before and after they are sent", async () => {
    const never = gate();
    await using server = await fakeLibvirtd({
      domainSuspend: async () => {
        await never.opened;
        return {};
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const reason = new Error("the operator changed their mind");
    const stop = new AbortController();
    const call = connection.domain.suspend(dom, { signal: stop.signal });
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(connection.domain.suspend(dom, { signal: stop.signal })).rejects.toBe(reason);
  });

  test("beyond four wait here, so that libvirtd always reads our keepalive", async () => {
    const hold = gate();
    let most = 0;
    await using server = await fakeLibvirtd({
      connectGetHostname: async (_args, session) => {
        most = Math.max(most, session.requests);
        await hold.opened;
        return { hostname: "host-1" };
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const calls = Array.from({ length: 12 }, () => connection.connect.getHostname());
    // A call that was never sent says so: nothing is in doubt about it.
    const waiting = await rejectionOf(connection.domain.suspend(dom, { deadlineMs: 20 }));
    expect(waiting).toMatchObject({ code: "deadline-exceeded", details: { sent: false } });
    hold.open();
    await Promise.all(calls);
    expect(most).toBe(4);
  });

  test("close a connection that is to be closed when it is stuck, once all that libvirtd owes was given up", async () => {
    const never = gate();
    await using server = await fakeLibvirtd({
      domainSuspend: async () => {
        await never.opened;
        return {};
      },
    });
    await using connection = await LibvirtConnection.open(server.uri, { closeWhenStuck: true });
    const stop = new AbortController();
    const owed = Array.from({ length: 4 }, () => connection.domain.suspend(dom, { signal: stop.signal }));
    const late = connection.connect.getHostname({ deadlineMs: 20 });
    await expect(late).rejects.toMatchObject({ code: "deadline-exceeded", details: { sent: false } });
    const waiting = connection.connect.getHostname();
    expect(connection.isClosed).toBe(false);
    stop.abort(new Error("enough"));
    for (const call of owed) await expect(call).rejects.toThrow("enough");
    await expect(waiting).rejects.toMatchObject({ code: "unavailable" });
    expect(connection.isClosed).toBe(true);
  });
});

describe("a lost connection", () => {
  const cases: [string, ReplyFate][] = [
    ["cut in the middle of a reply", { kind: "drop-mid-frame", bytes: 20 }],
    ["cut before a reply", { kind: "drop-mid-frame", bytes: 0 }],
  ];

  test.each(cases)("%s leaves a call that changes something in doubt", async (_what, fate) => {
    await using server = await fakeLibvirtd({ domainSuspend: () => ({}) }, { onReply: unless("domainSuspend", fate) });
    const connection = await LibvirtConnection.open(server.uri);
    await expect(connection.domain.suspend(dom)).rejects.toMatchObject({
      code: "outcome-unknown",
      details: { procedure: "domainSuspend" },
    });
    expect(connection.isClosed).toBe(true);
    await expect(connection.domain.suspend(dom)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("before a reply makes a question `unavailable`: it is safe to ask again", async () => {
    const fate: ReplyFate = { kind: "drop-mid-frame", bytes: 0 };
    await using server = await fakeLibvirtd(
      { domainGetState: () => ({ state: 1, reason: 1 }) },
      { onReply: unless("domainGetState", fate) },
    );
    const connection = await LibvirtConnection.open(server.uri);
    await expect(connection.domain.getState(dom)).rejects.toMatchObject({ code: "unavailable" });
    expect(await connection.closed).toMatchObject({ code: "unavailable" });
  });

  test("in the middle of a reply is a `protocol` error that says how far it got", async () => {
    const fate: ReplyFate = { kind: "drop-mid-frame", bytes: 30 };
    await using server = await fakeLibvirtd(
      { domainGetState: () => ({ state: 1, reason: 1 }) },
      { onReply: unless("domainGetState", fate) },
    );
    const connection = await LibvirtConnection.open(server.uri);
    await expect(connection.domain.getState(dom)).rejects.toMatchObject({
      code: "protocol",
      details: { position: 30, limit: 36 },
    });
  });

  test("is noticed by keepalive when libvirtd says nothing at all", async () => {
    let fate: ReplyFate = { kind: "send" };
    await using server = await fakeLibvirtd(
      { domainGetState: () => ({ state: 1, reason: 1 }) },
      { maxClientRequests: 1, onReply: () => fate },
    );
    const connection = await LibvirtConnection.open(server.uri, { keepalive: { intervalMs: 10, count: 2 } });
    await connection.domain.getState(dom);
    fate = { kind: "swallow" };
    await expect(connection.domain.getState(dom)).rejects.toMatchObject({ code: "unavailable" });
    expect(await connection.closed).toMatchObject({ message: expect.stringContaining("keepalive") });
  });
});

describe("bytes nobody can trust close the connection:", () => {
  const header = (length: number, procedure: number, type: number, serial: number) =>
    [length, 0x2000_8086, 1, procedure, type, serial, 0].map((word) => word.toString(16).padStart(8, "0")).join("");

  test.each([
    ["a frame longer than allowed", header(0xffff_ffff, 66, 1, 1), { position: 0, limit: 33_554_436 }],
    ["a frame too short for a header", header(12, 66, 1, 1), { position: 0, limit: 28 }],
    ["a reply to a call nobody made", header(28, 66, 1, 99), { position: 20 }],
    ["a reply of another procedure", header(28, 67, 1, 1), { position: 12 }],
    ["a call, from libvirtd", header(28, 66, 0, 1), { position: 16 }],
    ["a reply that ends too soon", header(28, 66, 1, 1), { position: 28, limit: 28 }],
    ["a list longer than its limit", `${header(32, 66, 1, 1)}00000015`, { position: 28, limit: 20 }],
    ["a reply with bytes left over", `${header(36, 66, 1, 1)}0000000000000000`, { position: 32 }],
  ])("%s", async (_what, hex, details) => {
    await using server = await listen((socket) => {
      socket.once("data", () => void socket.write(Buffer.from(hex, "hex")));
    });
    await expect(LibvirtConnection.open(server.uri)).rejects.toMatchObject({ code: "protocol", details });
  });
});

describe("authentication", () => {
  const offering = (...types: number[]): LibvirtHandlers => ({ authList: () => ({ types }) });

  test("by polkit takes its one call", async () => {
    let asked = 0;
    await using server = await fakeLibvirtd({
      ...offering(2),
      authPolkit: () => {
        asked += 1;
        return { complete: true };
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    expect([asked, connection.isClosed]).toEqual([1, false]);
  });

  test("by SASL is refused by name, with the remedy", async () => {
    await using server = await fakeLibvirtd(offering(1));
    const error = await rejectionOf(LibvirtConnection.open(server.uri));
    expect(error).toMatchObject({ code: "refused", message: expect.stringMatching(/SASL.*TLS.*listen_tls = 1/s) });
  });

  test("by something unheard of is refused with what was offered", async () => {
    await using server = await fakeLibvirtd(offering(7));
    await expect(LibvirtConnection.open(server.uri)).rejects.toMatchObject({
      code: "refused",
      details: { offered: [7] },
    });
  });
});

test("a libvirtd that is not there is `unavailable`, and names the socket", async () => {
  await expect(LibvirtConnection.open("qemu+unix:///system?socket=/nonexistent/libvirt-sock")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("/nonexistent/libvirt-sock"),
  });
});

test("closing says goodbye, and rejects what was still on its way", async () => {
  const never = gate();
  await using server = await fakeLibvirtd({
    domainSuspend: async () => {
      await never.opened;
      return {};
    },
  });
  const connection = await LibvirtConnection.open(server.uri);
  const call = rejectionOf(connection.domain.suspend(dom));
  await connection.close();
  await connection.close();
  expect(await call).toMatchObject({ code: "outcome-unknown" });
  expect(await server.sessions[0]?.closed).toBeUndefined();
});

test("a migration has no deadline of its own, and its parameters the types libvirt wants", async () => {
  let received: unknown;
  await using server = await fakeLibvirtd({
    domainMigratePerform3Params: (call) => {
      received = call;
      return { cookieOut: new Uint8Array() };
    },
  });
  await using connection = await LibvirtConnection.open(server.uri);
  const params = { migrateUri: "tcp://192.0.2.2", bandwidthMiBps: 100, migrateDisks: ["vda", "vdb"], disksPort: 0 };
  await connection.migration.perform3Params(dom, "qemu+tls://host-2/system", params, 3);
  expect(received).toEqual({
    dom,
    dconnuri: "qemu+tls://host-2/system",
    params: [
      { field: "migrate_uri", value: { type: "string", value: "tcp://192.0.2.2" } },
      { field: "bandwidth", value: { type: "ullong", value: 100n } },
      { field: "migrate_disks", value: { type: "string", value: "vda" } },
      { field: "migrate_disks", value: { type: "string", value: "vdb" } },
      { field: "disks_port", value: { type: "int", value: 0 } },
    ],
    cookieIn: new Uint8Array(),
    flags: 3,
  });
});
