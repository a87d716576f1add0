import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder, type OwnedFolder } from "../process/owned-folder.ts";
import { identifyProcess } from "../process/process-identity.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { askServer, clientTls } from "./ask-server.ts";
import type { TlsOptions } from "./create-certificates.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** A RabbitMQ of its own. */
export interface RabbitMq extends RealService {
  readonly user: string;
  readonly password: string;
  /** Runs `rabbitmqctl` on this broker and returns what it wrote. It takes a second or two. */
  rabbitmqctl(...args: readonly string[]): Promise<string>;
  /** How many messages a queue in the virtual host "/" holds, those under way to a consumer too; NaN if there is no such queue. */
  messagesIn(queue: string): Promise<number>;
  /** Adds a user with rights in the virtual host "/", and returns the URL for it. */
  addUser(user: RabbitMqUser): Promise<string>;
  /**
   * Has the broker find that it uses too much memory, or find it no longer; resolves when it has. While it does, a
   * connection that publishes is blocked (`connection.blocked`). A restart ends the alarm.
   */
  setMemoryAlarm(on: boolean): Promise<void>;
}

/** A RabbitMQ user that may do less than everything. The rights are regular expressions, `^$` being none. */
export interface RabbitMqUser {
  readonly user: string;
  readonly password: string;
  /** Names of exchanges and queues that it may declare and delete. */
  readonly configure: string;
  /** Names that it may publish to, or bind from the queue's side. */
  readonly write: string;
  /** Names that it may consume from, or bind from the exchange's side. */
  readonly read: string;
  /** Routing keys with which it may publish to a topic exchange (`write`) and bind from it (`read`). @default all */
  readonly topic?: { readonly exchange: string; readonly write: string; readonly read: string };
}

/** Debian's `rabbitmq-server` in the path is a wrapper that wants to change to the system's user and log folder. */
const SCRIPTS = "/usr/lib/rabbitmq/bin";

/**
 * Starts a RabbitMQ of its own: own node name, Erlang cookie, epmd, folder and administrator, no plugins. Nothing under
 * /etc or /var is read or written. With `tls` its URLs begin with `amqps:`. Ready in about 5 s.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startRabbitMq(options: ServiceOptions & TlsOptions = {}): Promise<RabbitMq> {
  const { listenAddress: address = "127.0.0.1", group, tls } = options;
  const [port, distributionPort, epmdPort] = await Promise.all([freePort(address), freePort(), freePort()]);
  const user = "drover";
  const password = randomBytes(12).toString("hex");
  const folder = await createOwnedFolder({ kind: "rabbitmq", group });
  const inFolder = (name: string) => join(folder.path, name);
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    HOME: folder.path,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `drover-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: inFolder("rabbitmq.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: inFolder("none.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: inFolder("enabled_plugins"),
    RABBITMQ_MNESIA_BASE: inFolder("data"),
    RABBITMQ_LOG_BASE: inFolder("log"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_PID_FILE: inFolder("pid"),
    RABBITMQ_GENERATED_CONFIG_DIR: inFolder("config"),
    RABBITMQ_SCHEMA_DIR: inFolder("schema"),
    // With input allowed the script becomes the Erlang machine, so that signals reach it, and does not stay its parent.
    RABBITMQ_ALLOW_INPUT: "1",
    // `rabbitmqctl` waits for its own messages by spinning, and beside a busy process takes twenty seconds instead of two.
    RABBITMQ_CTL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
    // Few threads: it starts with a quarter less of the processor's time.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +SDcpu 1:1 +SDio 2 +A 1",
  };
  try {
    await writeFile(
      inFolder("rabbitmq.conf"),
      [
        ...listenerLines(`${address}:${port}`, options),
        `default_user = ${user}`,
        `default_pass = ${password}`,
        "default_user_tags.administrator = true",
        "loopback_users = none",
        "disk_free_limit.absolute = 50MB",
        "log.console.level = info",
        "",
      ].join("\n"),
      { mode: 0o600 },
    );
    await writeFile(inFolder("enabled_plugins"), "[].\n");
    await writeFile(inFolder(".erlang.cookie"), randomBytes(16).toString("hex"), { mode: 0o400 });
    await startEpmd(folder, epmdPort, env);
  } catch (error) {
    await folder.remove();
    throw error;
  }
  const urlOf = (name: string, secret: string) =>
    `${tls === undefined ? "amqp" : "amqps"}://${encodeURIComponent(name)}:${encodeURIComponent(secret)}@${address}:${port}`;
  const service = await startService({
    name: "RabbitMQ",
    url: urlOf(user, password),
    address,
    port,
    folder,
    command: join(SCRIPTS, "rabbitmq-server"),
    args: [],
    env,
    stopSignal: "SIGTERM",
    probe: async () => {
      // The protocol header of AMQP 0-9-1; a broker that is ready answers with a method frame, connection.start.
      const answer = await askServer(address, port, Buffer.from("AMQP\x00\x00\x09\x01", "latin1"), {
        tls: clientTls(tls),
      });
      if (answer[0] !== 1) throw new TestkitError(`RabbitMQ answered ${answer.subarray(0, 16).toString("hex")}`);
    },
  });
  const rabbitmqctl = async (...args: readonly string[]) => {
    const { stdout } = await runCommand(join(SCRIPTS, "rabbitmqctl"), args, { env });
    return stdout;
  };
  /** As `rabbitmqctl eval` does, but without a second Erlang, which takes a second to start. */
  const evaluate = async (erlang: string) => {
    const name = env.RABBITMQ_NODENAME ?? "";
    const { stdout } = await runCommand("erl_call", ["-sname", name, "-e"], { env, input: `${erlang}\n` });
    if (!stdout.startsWith("{ok,")) throw new TestkitError(`RabbitMQ refused: ${stdout.trim()}`);
    return stdout;
  };
  return Object.assign(service, {
    user,
    password,
    rabbitmqctl,
    messagesIn: async (queue: string) =>
      Number(/\{messages, ?(\d+)\}/.exec(await evaluate(messagesScript(queue)))?.[1] ?? Number.NaN),
    addUser: async (added: RabbitMqUser) => {
      await evaluate(addUserScript(added));
      return urlOf(added.user, added.password);
    },
    setMemoryAlarm: async (on: boolean) => {
      // The share of the machine's memory that it may use; 0.4 is RabbitMQ's default.
      await evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${on ? "0.0" : "0.4"}).`);
      await waitFor(`RabbitMQ's memory alarm to be ${on ? "on" : "off"}`, async () => {
        const alarms = await evaluate("rabbit_alarm:get_alarms().");
        return alarms.includes("memory") === on;
      });
    },
  });
}

function listenerLines(endpoint: string, { tls, verifyClients = false }: TlsOptions): string[] {
  if (tls === undefined) return [`listeners.tcp.1 = ${endpoint}`];
  return [
    "listeners.tcp = none",
    `listeners.ssl.1 = ${endpoint}`,
    `ssl_options.cacertfile = ${tls.caFile}`,
    `ssl_options.certfile = ${tls.serverCertificateFile}`,
    `ssl_options.keyfile = ${tls.serverKeyFile}`,
    `ssl_options.verify = ${verifyClients ? "verify_peer" : "verify_none"}`,
    `ssl_options.fail_if_no_peer_cert = ${verifyClients}`,
  ];
}

/** One script for all that rabbitmqctl has a command each for. */
function addUserScript({ user, password, configure, write, read, topic }: RabbitMqUser): string {
  const calls = [
    `add_user(${erlangBinary(user)}, ${erlangBinary(password)}, By)`,
    `set_permissions(${[user, "/", configure, write, read].map(erlangBinary).join(", ")}, By)`,
  ];
  if (topic !== undefined) {
    const { exchange } = topic;
    const args = [user, "/", exchange, topic.write, topic.read];
    calls.push(`set_topic_permissions(${args.map(erlangBinary).join(", ")}, By)`);
  }
  // A call that does not return `ok` fails the match, and with it the command.
  return `By = <<"testkit">>, ${calls.map((call) => `ok = rabbit_auth_backend_internal:${call}`).join(", ")}.`;
}

function messagesScript(queue: string): string {
  const name = `rabbit_misc:r(<<"/">>, queue, ${erlangBinary(queue)})`;
  return `case rabbit_amqqueue:lookup(${name}) of {ok, Queue} -> rabbit_amqqueue:info(Queue, [messages]); _ -> none end.`;
}

/** Byte by byte, so that nothing in it has a meaning. */
function erlangBinary(text: string): string {
  return `<<${[...Buffer.from(text)].join(",")}>>`;
}

/** Started here, since Erlang would start it as a daemon that outlives every broker. It stays while the broker restarts. */
async function startEpmd(folder: OwnedFolder, port: number, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn("epmd", ["-port", String(port), "-address", "127.0.0.1"], {
    env,
    detached: true,
    stdio: "ignore",
  });
  child.on("error", () => undefined);
  child.unref();
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity === undefined) throw new TestkitError("could not run epmd");
  folder.addProcess(identity);
  // "Names", request 110 of the distribution protocol: answered with epmd's own port and the nodes it knows.
  await waitFor("epmd to answer", () => askServer("127.0.0.1", port, Buffer.from([0, 1, 110])));
}
