import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PythonProgram, startPython } from "../process/start-python.ts";
import { type Certificates, createCertificates } from "./create-certificates.ts";
import { type RabbitMq, startRabbitMq } from "./start-rabbitmq.ts";

/** Does what it is told by lines, with a client that knows nothing of ours, and says how it went. */
const CLIENT = `
import sys, amqp, ssl
from urllib.parse import urlsplit, unquote
url = urlsplit(sys.argv[1])
context = None
if url.scheme == "amqps":
    context = dict(ca_certs=sys.argv[2], certfile=sys.argv[3], keyfile=sys.argv[4], cert_reqs=ssl.CERT_REQUIRED)
connection = amqp.Connection(
    f"{url.hostname}:{url.port}", unquote(url.username), unquote(url.password), ssl=context,
    on_blocked=lambda reason: print("blocked"), on_unblocked=lambda: print("unblocked"))
connection.connect()
print("connected")
for line in sys.stdin:
    command, *words = line.split()
    channel = connection.channel()
    try:
        if command == "declare": channel.queue_declare(words[0])
        if command == "publish": channel.basic_publish_confirm(amqp.Message("body"), words[0], words[1])
        if command == "send": channel.basic_publish(amqp.Message("body"), "amq.topic", "up.send")
        if command == "wait": connection.drain_events(timeout=20)
        else: print("done")
    except amqp.AccessRefused as error:
        print("refused", error)
`;

let rabbit: RabbitMq;
let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
  rabbit = await startRabbitMq({ tls: certificates });
});
afterAll(async () => {
  await rabbit.remove();
  await certificates.remove();
});

async function startClient(url: string): Promise<PythonProgram> {
  const script = join(rabbit.folder, "client.py");
  await writeFile(script, CLIENT);
  const { caFile, clientCertificateFile, clientKeyFile } = certificates;
  const args = [url, caFile, clientCertificateFile, clientKeyFile];
  const client = await startPython({ script, args, modules: ["amqp"] });
  expect(await client.nextLine()).toBe("connected");
  return client;
}

describe("a further user", () => {
  const user = { user: 'o"brien', password: "p:@/", configure: "^mine$", write: "^amq\\.(topic|direct)$", read: "^$" };
  let client: PythonProgram;
  beforeAll(async () => {
    client = await startClient(
      await rabbit.addUser({ ...user, topic: { exchange: "amq.topic", write: "^up\\.", read: "^down\\." } }),
    );
  });
  afterAll(() => client.remove());
  const told = (command: string) => {
    client.writeLine(command);
    return client.nextLine();
  };

  test.each(["declare mine", "publish amq.topic up.here", "publish amq.direct anything"])("may %s", async (command) =>
    expect(await told(command)).toBe("done"),
  );
  test.each(["declare yours", "publish amq.topic down.there", "publish amq.fanout anything"])(
    "may not %s",
    async (command) => expect(await told(command)).toContain("refused"),
  );
  test("has the rights to read that were given", async () => {
    const rights = await rabbit.rabbitmqctl("--quiet", "list_user_permissions", user.user);
    expect(rights).toContain(`/\t${user.configure}\t${user.write}\t${user.read}`);
    const topics = await rabbit.rabbitmqctl("--quiet", "list_user_topic_permissions", user.user);
    expect(topics).toContain("/\tamq.topic\t^up\\.\t^down\\.");
  });
  test("leaves queues whose messages are counted", async () => {
    expect(await rabbit.messagesIn("mine")).toBe(0);
    expect(await rabbit.messagesIn("yours")).toBeNaN();
  });
  test("cannot be added twice", () => expect(rabbit.addUser(user)).rejects.toThrow("user_already_exists"));
});

test("a memory alarm blocks a connection that publishes, until it ends", async () => {
  await using client = await startClient(rabbit.url);
  await rabbit.setMemoryAlarm(true);
  client.writeLine("send");
  client.writeLine("wait");
  expect([await client.nextLine(), await client.nextLine()].sort()).toEqual(["blocked", "done"]);
  await rabbit.setMemoryAlarm(false);
  client.writeLine("wait");
  expect(await client.nextLine()).toBe("unblocked");
});
