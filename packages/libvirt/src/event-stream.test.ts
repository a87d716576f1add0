import { describe, expect, test } from "vitest";
import { LibvirtConnection } from "./connection.ts";
import type { DomainEvent, EventsLost } from "./domain-events.ts";
import { DomainEventStream } from "./event-stream.ts";
import { serveConnection } from "./server/serve-connection.ts";
import { fakeLibvirtd, listen } from "./testing/fake-libvirtd.ts";

const dom = { name: "busy", uuid: "cecb520b-8b90-4cb8-a502-c9ff48cb23e8", id: 1 };
const other = { name: "idle", uuid: "0c9ff48c-b23e-4b8a-8502-cecb520b8b90", id: 2 };

const iteration = (number: number): DomainEvent => ({ type: "migration-iteration", dom, iteration: number });

async function take(stream: DomainEventStream, count: number): Promise<(DomainEvent | EventsLost)[]> {
  const taken: (DomainEvent | EventsLost)[] = [];
  while (taken.length < count) {
    const { done, value } = await stream.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

describe("the queue", () => {
  test("drops the oldest when full and says how many, before what followed them", async () => {
    const stream = new DomainEventStream(2, async () => undefined);
    for (const number of [1, 2, 3, 4, 5]) stream.push(iteration(number));
    expect(await take(stream, 3)).toEqual([{ type: "events-lost", lostCount: 3 }, iteration(4), iteration(5)]);
  });

  test("gives what had arrived before it throws that the connection is lost, and then ends", async () => {
    const stream = new DomainEventStream(2, async () => undefined);
    stream.push(iteration(1));
    stream.finish(new Error("lost"));
    expect(await take(stream, 1)).toEqual([iteration(1)]);
    await expect(stream.next()).rejects.toThrow("lost");
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });
});

describe("a subscription", () => {
  test("misses nothing, not even an event that arrives together with the answer to its registration", async () => {
    await using server = await listen((socket) => {
      const session = serveConnection(socket, {
        connectDomainEventCallbackRegisterAny: (args) => {
          socket.cork();
          setImmediate(() => {
            session.sendEvent({ name: "migration-iteration", body: { dom, iteration: 1 } });
            socket.uncork();
          });
          return { callbackID: session.registrations.register(args.eventID, args.dom) };
        },
      });
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const stream = await connection.subscribe(["migration-iteration"]);
    expect(await take(stream, 1)).toEqual([iteration(1)]);
  });

  test("gets each type it asked for, decoded, and none that it did not ask for", async () => {
    await using server = await fakeLibvirtd({});
    await using connection = await LibvirtConnection.open(server.uri);
    const stream = await connection.subscribe(["lifecycle", "block-job", "job-completed"]);
    const [session] = server.sessions;
    session?.sendEvent({ name: "migration-iteration", body: { dom, iteration: 1 } });
    session?.sendEvent({ name: "lifecycle", body: { dom, event: 3, detail: 7 } });
    session?.sendEvent({ name: "block-job", body: { dom, dst: "vda", type: 2, status: 3 } });
    const downtime = { field: "downtime", value: { type: "ullong", value: 70n } } as const;
    session?.sendEvent({ name: "job-completed", body: { dom, params: [downtime] } });
    expect(await take(stream, 3)).toMatchObject([
      { type: "lifecycle", dom, event: 3, detail: 7 },
      { type: "block-job", disk: "vda", jobType: 2, status: 3 },
      { type: "job-completed", stats: { type: undefined, downtimeMs: 70 } },
    ]);
  });

  test("of one domain hears of no other", async () => {
    await using server = await fakeLibvirtd({});
    await using connection = await LibvirtConnection.open(server.uri);
    const stream = await connection.subscribe(["lifecycle"], { dom });
    const [session] = server.sessions;
    session?.sendEvent({ name: "lifecycle", body: { dom: other, event: 3, detail: 0 } });
    session?.sendEvent({ name: "lifecycle", body: { dom, event: 4, detail: 0 } });
    expect(await take(stream, 1)).toMatchObject([{ dom, event: 4 }]);
  });

  test("is taken back when its stream is closed, and its reader sees the end", async () => {
    await using server = await fakeLibvirtd({});
    await using connection = await LibvirtConnection.open(server.uri);
    const stream = await connection.subscribe(["lifecycle", "block-job"]);
    const reading = stream.next();
    await stream.close();
    expect(await reading).toEqual({ done: true, value: undefined });
    const again = { name: "lifecycle", body: { dom, event: 4, detail: 0 } } as const;
    expect(server.sessions[0]?.registrations.messagesFor(again)).toEqual([]);
  });

  test("throws to its reader when the connection is lost", async () => {
    await using server = await fakeLibvirtd({});
    const connection = await LibvirtConnection.open(server.uri);
    const stream = await connection.subscribe(["lifecycle"]);
    const reading = stream.next();
    server.sessions[0]?.destroy();
    await expect(reading).rejects.toMatchObject({ code: "unavailable" });
  });
});
