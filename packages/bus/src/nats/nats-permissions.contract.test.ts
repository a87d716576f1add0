import { createConnection } from "node:net";
import { type Nats, type NatsUser, startNats } from "@drover/testkit";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import type { BrokerRole } from "../broker-role.ts";
import { brokerTestBed, connected } from "../broker-test-bed.test.support.ts";
import { type Bus, handle } from "../bus.ts";
import { defineCall, defineCast } from "../contract.ts";
import { encodeRequest, newMessageId } from "../envelope.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";
import { agentUser } from "../sender.ts";
import { natsPermissions } from "./nats-permissions.ts";
import { CAST_STREAM } from "./streams.ts";
import { callSubject, castSubject, consumerName, encodeToken, fanoutSubject, inboxPrefix } from "./subjects.ts";

const { bareNats, natsBus } = brokerTestBed(onTestFinished);

const CONDUCTOR = "drover-conductor";
const roles: readonly BrokerRole[] = [
  { role: "control-plane", name: "conductor" },
  { role: "client", name: "billing" },
  { role: "agent", host: "host-a.example" },
  { role: "agent", host: "host-b.example" },
];
const hostA = "host-a.example";
const hostB = "host-b.example";

const text = z.object({ text: z.string() });
const order = defineCast({ topic: "compute", method: "order", version: "1.0", access: "command", request: text });
const look = defineCall({
  topic: "compute",
  method: "look",
  version: "1.0",
  access: "read",
  idempotent: true,
  deadlineMs: 5_000,
  request: z.object({}),
  response: text,
});
const report = defineCall({
  topic: "conductor",
  method: "report",
  version: "1.0",
  access: "report",
  idempotent: true,
  deadlineMs: 5_000,
  reporter: ({ host }) => host,
  request: z.object({ host: z.string() }),
  response: z.object({}),
});

let broker: Nats;

const user = (role: BrokerRole): NatsUser => ({ ...natsPermissions(role), password: "secret" });

beforeAll(async () => {
  broker = await startNats({ users: roles.map(user) });
});

afterAll(async () => {
  await broker?.remove();
});

function openAs(name: string, logger = recordingLogger()): Promise<Bus> {
  return connected(natsBus({ urls: [broker.urlFor(name)], name, trustedUsers: [CONDUCTOR], logger }));
}

/** A connection as somebody who has taken over a host would make it. */
async function takeOver(host: string): Promise<{ connection: NatsConnection; refused: string[] }> {
  const connection = await bareNats({
    port: broker.port,
    user: agentUser(host),
    pass: "secret",
    inboxPrefix: inboxPrefix(encodeToken(agentUser(host))),
  });
  const refused: string[] = [];
  void (async () => {
    for await (const status of connection.status()) if (status.type === "error") refused.push(status.error.message);
  })();
  return { connection, refused };
}

function administrator(): Promise<NatsConnection> {
  return bareNats({ port: broker.port, user: broker.user, pass: broker.password });
}

async function serveAgent(host: string, heard: string[], logger = recordingLogger()): Promise<Bus> {
  const bus = await openAs(agentUser(host), logger);
  const handlers = [
    handle(order, async ({ text: ordered }) => void heard.push(`${host}: ${ordered}`)),
    handle(look, async () => ({ text: host })),
  ];
  await bus.serve({ topic: "compute", server: host, handlers });
  return bus;
}

test("an agent waits, with a line in its log, for the streams that the control plane creates", async () => {
  const logger = recordingLogger();
  const heard: string[] = [];
  await serveAgent(hostA, heard, logger);
  const waiting = expect.stringContaining("we may not create it; the control plane does");
  expect(logger.lines).toContainEqual(expect.objectContaining({ level: "warn", sentence: waiting }));
  const conductor = await openAs(CONDUCTOR);
  expect(await conductor.call(look, {}, { server: hostA })).toEqual({ text: hostA });
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  await vi.waitFor(() => conductor.cast(order, { text: "go" }, { server: hostA }));
  await vi.waitFor(() => expect(heard).toEqual([`${hostA}: go`]));
});

test("each role can do its work", async () => {
  const conductor = await openAs(CONDUCTOR);
  const heard: string[] = [];
  await conductor.serve({ topic: "conductor", server: "one", handlers: [handle(report, async () => ({}))] });
  const agentA = await serveAgent(hostA, heard);
  await serveAgent(hostB, heard);
  const client = await openAs("drover-client.billing");
  await conductor.cast(order, { text: "one" }, { server: hostB });
  await conductor.cast(order, { text: "all" }, { fanout: true });
  await vi.waitFor(() => expect(heard.sort()).toEqual([`${hostA}: all`, `${hostB}: all`, `${hostB}: one`]));
  expect(await agentA.call(report, { host: hostA })).toEqual({});
  await expect(agentA.call(report, { host: hostB })).rejects.toMatchObject({ code: "forbidden" });
  expect(await client.call(look, {}, { server: hostB })).toEqual({ text: hostB });
  await client.cast(order, { text: "from a client" }, { server: hostB });
  await conductor.cast(order, { text: "last" }, { server: hostB });
  await vi.waitFor(() => expect(heard).toContain(`${hostB}: last`));
  expect(heard).not.toContain(`${hostB}: from a client`);
});

test("a taken-over host speaks for nobody else, and commands nobody", async () => {
  const heard: string[] = [];
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  await serveAgent(hostB, heard);
  const { connection, refused } = await takeOver(hostA);
  const forged = { method: "order", args: { text: "obey" }, version: "1.0", uniqueId: newMessageId(), context: {} };
  const self = encodeToken(agentUser(hostA));
  const forbidden = [
    castSubject("compute", hostB, encodeToken(CONDUCTOR)),
    castSubject("compute", hostB, self),
    castSubject("compute", hostA, encodeToken(CONDUCTOR)),
    callSubject("compute", hostB, self),
    callSubject("conductor", undefined, encodeToken(agentUser(hostB))),
    fanoutSubject("compute", encodeToken(CONDUCTOR)),
    fanoutSubject("compute", self),
    `$JS.API.STREAM.PURGE.${CAST_STREAM}`,
  ];
  for (const subject of forbidden) connection.publish(subject, encodeRequest(forged, "bare"));
  await connection.flush();
  await vi.waitFor(() => expect(refused).toHaveLength(forbidden.length));
  await conductor.cast(order, { text: "genuine" }, { server: hostB });
  await vi.waitFor(() => expect(heard).toEqual([`${hostB}: genuine`]));
});

test("a taken-over host hears and takes nothing of another's", async () => {
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  const heard: string[] = [];
  const agentB = await serveAgent(hostB, heard);
  await agentB.close();
  await conductor.cast(order, { text: "for b" }, { server: hostB });

  const { connection, refused } = await takeOver(hostA);
  const eavesdropped: string[] = [];
  const subjects = [
    castSubject("compute", hostB, "*"),
    callSubject("compute", hostB, "*"),
    "drover.>",
    "drover.reply.>",
    "_INBOX.>",
    `$JS.ACK.${CAST_STREAM}.>`,
  ];
  for (const subject of subjects) {
    const callback = (error: Error | null, message: Msg) => {
      if (error === null) eavesdropped.push(message.subject);
    };
    connection.subscribe(subject, { callback });
  }
  await vi.waitFor(() => expect(refused).toHaveLength(subjects.length));

  const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: 10_000 });
  const js = jetstream(connection, { timeout: 10_000 });
  const theirs = consumerName("compute", hostB);
  const ours = consumerName("compute", hostA);
  const filter = castSubject("compute", hostB, "*");
  await expect(jsm.consumers.info(CAST_STREAM, theirs)).rejects.toThrow(/permission/i);
  await expect(js.consumers.get(CAST_STREAM, theirs)).rejects.toThrow(/permission/i);
  await expect(
    jsm.consumers.add(CAST_STREAM, { name: theirs, durable_name: theirs, filter_subject: filter }),
  ).rejects.toThrow(/permission/i);
  await expect(jsm.streams.getMessage(CAST_STREAM, { seq: 1 })).rejects.toThrow(/permission/i);
  // The subject of the request says host A, its content host B: the server compares them.
  const config = { name: ours, durable_name: ours, filter_subject: filter, ack_policy: AckPolicy.Explicit };
  const create = `$JS.API.CONSUMER.CREATE.${CAST_STREAM}.${ours}.${castSubject("compute", hostA, "*")}`;
  const answer = await connection.request(create, JSON.stringify({ stream_name: CAST_STREAM, config, action: "" }), {
    timeout: 10_000,
  });
  expect(answer.json()).toMatchObject({ error: { code: 400 } });

  await serveAgent(hostB, heard);
  await vi.waitFor(() => expect(heard).toEqual([`${hostB}: for b`]));
  expect(eavesdropped).toEqual([]);
});

test("a taken-over host cannot have the server repeat to others what it was told itself", async () => {
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  const heard: string[] = [];
  await serveAgent(hostB, heard);
  const { connection } = await takeOver(hostA);
  const name = consumerName("compute", hostA);
  const filter = castSubject("compute", hostA, "*");
  const create = async (deliverSubject: string) => {
    const config = {
      name,
      durable_name: name,
      filter_subject: filter,
      ack_policy: "explicit",
      deliver_subject: deliverSubject,
    };
    const subject = `$JS.API.CONSUMER.CREATE.${CAST_STREAM}.${name}.${filter}`;
    const answer = await connection.request(subject, JSON.stringify({ stream_name: CAST_STREAM, config, action: "" }), {
      timeout: 10_000,
    });
    return answer.json();
  };
  const all = await administrator();
  await (await jetstreamManager(all)).consumers.delete(CAST_STREAM, name).catch(() => {});
  expect(await create(castSubject("compute", hostB, encodeToken(CONDUCTOR)))).toMatchObject({
    error: { description: expect.stringContaining("cycle") },
  });
  // To other subjects the server lets a consumer deliver. Whoever hears it there sees the reply subject of a delivery.
  const told = { method: "order", args: { text: "for a" }, version: "1.0", uniqueId: newMessageId(), context: {} };
  const delivered = { reply: `$JS.ACK.${CAST_STREAM}.${name}.1.1.1.1795388366730395430.0` };
  all.publish(fanoutSubject("compute", encodeToken(CONDUCTOR)), encodeRequest(told, "bare"), delivered);
  all.publish(callSubject("compute", hostB, encodeToken(CONDUCTOR)), encodeRequest(told, "bare"), delivered);
  await all.flush();
  await conductor.cast(order, { text: "for all" }, { fanout: true });
  await vi.waitFor(() => expect(heard).toEqual([`${hostB}: for all`]));
});

test("what a taken-over host parks is its own word, whoever sends it again", async () => {
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  const heard: string[] = [];
  await serveAgent(hostB, heard);
  const { connection } = await takeOver(hostA);
  const request = { method: "order", args: { text: "forged" }, version: "1.0", uniqueId: newMessageId(), context: {} };
  const record = {
    id: newMessageId(),
    queue: `compute.${hostB}`,
    server: hostB,
    method: "order",
    requestId: null,
    reason: { code: "internal", message: "because", details: {} },
    tries: 5,
    parkedAtMs: 0,
    body: encodeRequest(request, "bare").toString("base64"),
  };
  const self = encodeToken(agentUser(hostA));
  connection.publish(`drover.parked.${self}`, JSON.stringify(record));
  connection.publish(`drover.parked.${self}`, "no record");
  await connection.flush();
  const parked = await vi.waitFor(async () => {
    const listed = await conductor.listParked();
    expect(listed).toHaveLength(1);
    return listed;
  });
  const id = parked[0]?.id ?? "";
  await conductor.releaseParked(id, "send-again");
  await expect(conductor.releaseParked(id, "discard")).rejects.toMatchObject({ code: "not-found" });
  expect(await conductor.listParked()).toEqual([]);
  // It went to the other host as what it is: the word of the host that was taken over.
  await conductor.cast(order, { text: "genuine" }, { server: hostB });
  await vi.waitFor(() => expect(heard).toEqual([`${hostB}: genuine`]));
});

test("what was parked of a user that commands nobody is sent again as that user's", async () => {
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  const heard: string[] = [];
  const agentB = await serveAgent(hostB, heard);
  const client = await openAs("drover-client.billing");
  const future = { ...order, version: "9.0" };
  await client.cast(future, { text: "from a client" }, { server: hostB });
  await conductor.cast(future, { text: "from the conductor" }, { server: hostB });
  const parked = await vi.waitFor(async () => {
    const listed = await conductor.listParked();
    expect(listed).toHaveLength(2);
    return listed;
  });
  await agentB.close();
  const upgraded = await openAs(agentUser(hostB));
  const handler = handle(future, async ({ text: ordered }) => void heard.push(ordered));
  await upgraded.serve({ topic: "compute", server: hostB, handlers: [handler] });
  for (const { id } of parked) await conductor.releaseParked(id, "send-again");
  await vi.waitFor(() => expect(heard).toEqual(["from the conductor"]));
});

/** Headers as no library would write them. */
const NO_HEADERS = "NATS/1.0\r\na b: c\r\n\r\n";

/** Publishes over a connection of its own, byte by byte; resolves when the server has read it. */
async function publishRaw(name: string, subject: string, body: string): Promise<void> {
  const socket = createConnection({ host: "127.0.0.1", port: broker.port });
  onTestFinished(() => void socket.destroy());
  const connect = { user: name, pass: "secret", headers: true, verbose: false, pedantic: false };
  const sizes = `${NO_HEADERS.length} ${NO_HEADERS.length + body.length}`;
  socket.write(`CONNECT ${JSON.stringify(connect)}\r\nHPUB ${subject} ${sizes}\r\n${NO_HEADERS}${body}\r\nPING\r\n`);
  let said = "";
  for await (const chunk of socket) {
    said += String(chunk);
    if (said.includes("PONG")) return;
    if (said.includes("-ERR")) throw new Error(said);
  }
}

test("headers that are none make nobody deaf, in the place of a reply or of a cast", async () => {
  const conductor = await openAs(CONDUCTOR);
  await conductor.serve({ topic: "conductor", server: "one", handlers: [] });
  const heard: string[] = [];
  await serveAgent(hostB, heard);
  const { connection } = await takeOver(hostA);
  const calls = connection.subscribe(`drover.call.compute.${encodeToken(hostA)}.*`, { max: 1 });
  await connection.flush();
  const unanswered = conductor.call(look, {}, { server: hostA }).catch(() => undefined);
  for await (const { reply = "" } of calls) await publishRaw(agentUser(hostA), `${reply}x`, "");
  expect(await conductor.call(look, {}, { server: hostB })).toEqual({ text: hostB });
  await unanswered;

  const client = "drover-client.billing";
  await publishRaw(client, castSubject("compute", hostB, encodeToken(client)), "{}");
  await conductor.cast(order, { text: "behind it" }, { server: hostB });
  await vi.waitFor(() => expect(heard).toEqual([`${hostB}: behind it`]));
  await vi.waitFor(async () => expect(await conductor.listParked()).toHaveLength(1));
}, 30_000);

test("serving another host's subjects is refused", async () => {
  const bus = await openAs(agentUser(hostA));
  const serving = bus.serve({ topic: "compute", server: hostB, handlers: [] });
  await expect(serving).rejects.toMatchObject({ code: "refused" });
  expect(bus.status()).toBe("connected");
});
