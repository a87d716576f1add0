import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leftoversOf } from "../process/owned-folder.ts";
import { waitFor } from "../wait-for.ts";
import { askServer } from "./ask-server.ts";
import type { RealService } from "./real-service.ts";
import { type Nats, startNats } from "./start-nats.ts";
import { type Postgres, startPostgres } from "./start-postgres.ts";
import { type RabbitMq, startRabbitMq } from "./start-rabbitmq.ts";
import { startRedis } from "./start-redis.ts";

/** What every launcher promises, whichever server it starts. `remember` and `recall` speak to it as a client does. */
interface Launcher {
  readonly name: string;
  start(): Promise<RealService>;
  remember(service: RealService): Promise<void>;
  recall(service: RealService): Promise<string>;
}

const redisSays = async (service: RealService, command: string) => {
  const { password } = new URL(service.url);
  const answer = await askServer(service.address, service.port, `AUTH ${password}\r\n${command}\r\n`);
  return answer.toString();
};

/** Logs in at NATS, sends `lines` and resolves with what it says up to the point where `until` was said. */
const natsSays = async (nats: Nats, lines: string, until: string, url = nats.url) => {
  const { username, password } = new URL(url);
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  const hello = `CONNECT ${JSON.stringify({ verbose: false, user, pass })}\r\n`;
  const answer = await askServer(nats.address, nats.port, hello + lines, {
    isComplete: (said) => said.includes(until),
  });
  return answer.toString();
};

/** Asks JetStream's API: a request is a message with a subject to answer to. */
const jetStreamSays = (nats: Nats, api: string, request: string) =>
  natsSays(
    nats,
    `SUB answer 1\r\nPUB $JS.API.${api} answer ${request.length}\r\n${request}\r\n`,
    '"type":"io.nats.jetstream.api',
  );

const launchers: readonly Launcher[] = [
  {
    name: "Redis",
    start: startRedis,
    remember: async (redis) => {
      await redisSays(redis, "SET kept yes");
      await waitFor("the value", async () => (await redisSays(redis, "GET kept")).includes("yes"));
    },
    recall: (redis) =>
      waitFor("an answer", () => redisSays(redis, "GET kept").then((text) => text.includes("$3") && text)),
  },
  {
    name: "PostgreSQL",
    start: startPostgres,
    remember: async (postgres) => {
      await (postgres as Postgres).sql("create table kept as select 'yes' as word");
    },
    recall: (postgres) => (postgres as Postgres).sql("select word from kept"),
  },
  {
    name: "RabbitMQ",
    start: startRabbitMq,
    remember: async (rabbit) => {
      await (rabbit as RabbitMq).rabbitmqctl("--quiet", "add_vhost", "yes");
    },
    recall: (rabbit) => (rabbit as RabbitMq).rabbitmqctl("--quiet", "list_vhosts"),
  },
  {
    name: "NATS",
    start: startNats,
    remember: async (nats) => {
      const stream = JSON.stringify({ name: "yes", subjects: ["kept.>"], storage: "file" });
      expect(await jetStreamSays(nats as Nats, "STREAM.CREATE.yes", stream)).not.toContain("error");
    },
    recall: (nats) => jetStreamSays(nats as Nats, "STREAM.NAMES", ""),
  },
];

describe.each(launchers)("$name", (launcher) => {
  let service: RealService;
  beforeAll(async () => {
    service = await launcher.start();
    await launcher.remember(service);
  });
  afterAll(async () => {
    await service.remove();
    expect(leftoversOf(service.folder)).toEqual([]);
    expect(existsSync(service.folder)).toBe(false);
  });

  test("answers at once and on loopback only", async () => {
    expect(new URL(service.url).hostname).toBe("127.0.0.1");
    expect(await launcher.recall(service)).toContain("yes");
  });

  test("has the same address and data after it was killed", async () => {
    const { pid, url } = service;
    await service.kill9();
    expect(service.pid).toBeUndefined();
    await expect(askServer(service.address, service.port, "\r\n")).rejects.toThrow("refused");
    await service.start();
    expect(service.pid).not.toBe(pid);
    expect(service.url).toBe(url);
    expect(await launcher.recall(service)).toContain("yes");
  });

  test("has the same data after an orderly restart", async () => {
    await service.restart();
    expect(await launcher.recall(service)).toContain("yes");
  });
});

test("databases of one PostgreSQL do not share tables", async () => {
  await using postgres = await startPostgres();
  const [first, second] = [await postgres.createDatabase(), await postgres.createDatabase()];
  await postgres.sql("create table mine (id int)", first);
  const count = "select count(*) from information_schema.tables where table_schema = 'public'";
  expect(await postgres.sql(count, first)).toBe("1");
  expect(await postgres.sql(count, second)).toBe("0");
});

test("a frozen server keeps its connections and does not answer until it is thawed", async () => {
  await using redis = await startRedis();
  redis.freeze();
  await expect(askServer(redis.address, redis.port, "PING\r\n")).rejects.toThrow("did not answer");
  redis.thaw();
  expect((await askServer(redis.address, redis.port, "PING\r\n")).toString()).toContain("NOAUTH");
});

describe("NATS's further users", () => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats({
      users: [
        { user: "agent", password: "0123", publish: ["up.>"], subscribe: ["down.one", "up.>"], allowResponses: true },
        { user: "mute", password: "p:@/", publish: [], subscribe: [] },
      ],
    });
  });
  afterAll(() => nats.remove());
  const says = (user: string, line: string) => natsSays(nats, `${line}\r\nPING\r\n`, "PONG", nats.urlFor(user));

  test.each([
    ["agent", "SUB down.one 1"],
    ["agent", "PUB up.here 0\r\n"],
    // Where a message it got asks for the answer.
    ["agent", "SUB up.here 1\r\nPUB up.here answer 0\r\n\r\nPUB answer 0\r\n"],
  ])("%s may %j", async (user, line) => expect(await says(user, line)).not.toContain("-ERR"));

  test.each([
    ["agent", "SUB down.two 1"],
    ["agent", "PUB down.one 0\r\n"],
    ["agent", "SUB up.here 1\r\nPUB up.here answer 0\r\n\r\nPUB other 0\r\n"],
    ["mute", "SUB down.one 1"],
    ["mute", "PUB up.here 0\r\n"],
  ])("%s may not %j", async (user, line) => expect(await says(user, line)).toContain("Permissions Violation"));
});

test("NATS takes bodies of 8 MiB and refuses strangers", async () => {
  await using nats = await startNats();
  const body = "b".repeat(8 * 1024 * 1024);
  const answer = await natsSays(nats, `SUB big 1\r\nPUB big ${body.length}\r\n${body}\r\nPING\r\n`, "PONG");
  expect(answer).toContain(`MSG big 1 ${body.length}`);
  await expect(natsSays(nats, "PING\r\n", "PONG", "nats://drover:wrong@host")).rejects.toThrow(
    "Authorization Violation",
  );
});
