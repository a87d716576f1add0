import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import { askServer, clientTls } from "./ask-server.ts";
import type { TlsOptions } from "./create-certificates.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** A NATS user that may do less than everything. It shares the one account, and so JetStream, with all others. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  /** Subjects, wildcards allowed, that it may publish to. Empty: none. */
  readonly publish: readonly string[];
  /** Subjects, wildcards allowed, that it may subscribe to. Empty: none. */
  readonly subscribe: readonly string[];
  /** Also one answer within 2 min (NATS's defaults) to the reply subject of every message it got. @default false */
  readonly allowResponses?: boolean;
}

/** How a NATS may be started. */
export interface NatsOptions extends ServiceOptions, TlsOptions {
  /** Further users, beside the one with all rights. @default none */
  readonly users?: readonly NatsUser[];
}

/** A NATS of its own. Its `url` is that of the user with all rights. */
export interface Nats extends RealService {
  readonly user: string;
  readonly password: string;
  /** The URL for one of the further users. @throws {TestkitError} if there is no such user. */
  urlFor(user: string): string;
}

/** A body of ours has up to 8 MiB, and its envelope comes on top. */
const MAX_PAYLOAD_BYTES = 9 * 1024 * 1024;

/**
 * Starts a NATS of its own, with JetStream stored in its folder (64 MiB of memory, 512 MiB of files), users with passwords
 * and messages of up to 9 MiB. With `tls` its URLs begin with `tls:`. Nothing under /etc or /var is read or written.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startNats(options: NatsOptions = {}): Promise<Nats> {
  const { listenAddress: address = "127.0.0.1", group, users = [], tls, verifyClients = false } = options;
  const port = await freePort(address);
  const user = "drover";
  const password = randomBytes(12).toString("hex");
  const folder = await createOwnedFolder({ kind: "nats", group });
  const configFile = join(folder.path, "nats.conf");
  // NATS's configuration language contains JSON, whose quotes keep a password of digits from being read as a number.
  const config = {
    host: address,
    port,
    max_payload: MAX_PAYLOAD_BYTES,
    jetstream: {
      store_dir: join(folder.path, "jetstream"),
      max_memory_store: 64 * 1024 * 1024,
      max_file_store: 512 * 1024 * 1024,
    },
    ...(tls === undefined
      ? {}
      : {
          tls: {
            cert_file: tls.serverCertificateFile,
            key_file: tls.serverKeyFile,
            ca_file: tls.caFile,
            verify: verifyClients,
          },
        }),
    // Without accounts everyone is in the global one, which has JetStream.
    authorization: { users: [{ user, password }, ...users.map(configuredUser)] },
  };
  try {
    await writeFile(configFile, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  } catch (cause) {
    await folder.remove();
    throw new TestkitError("could not write NATS's configuration", { cause });
  }
  const urlOf = (name: string, secret: string) =>
    `${tls === undefined ? "nats" : "tls"}://${encodeURIComponent(name)}:${encodeURIComponent(secret)}@${address}:${port}`;
  const hello = `CONNECT ${JSON.stringify({ verbose: false, user, pass: password })}\r\nPING\r\n`;
  const service = await startService({
    name: "NATS",
    url: urlOf(user, password),
    address,
    port,
    folder,
    command: "nats-server",
    args: ["--config", configFile],
    env: { PATH: `${process.env.PATH}:/usr/sbin`, LANG: "C.UTF-8" },
    stopSignal: "SIGTERM",
    // It says INFO to everyone and PONG to those whose password is right.
    probe: () =>
      askServer(address, port, hello, {
        isComplete: (answer) => answer.includes("PONG\r\n"),
        tls: clientTls(tls),
        tlsAfterInfo: true,
      }),
  });
  return Object.assign(service, {
    user,
    password,
    urlFor: (name: string) => {
      const found = users.find((candidate) => candidate.user === name);
      if (found === undefined) throw new TestkitError(`this NATS was started without a user ${name}`);
      return urlOf(found.user, found.password);
    },
  });
}

function configuredUser({ user, password, publish, subscribe, allowResponses = false }: NatsUser) {
  const permissions = {
    publish: allowOnly(publish),
    subscribe: allowOnly(subscribe),
    ...(allowResponses ? { allow_responses: true } : {}),
  };
  return { user, password, permissions };
}

/** An empty list of what is allowed would be no restriction to NATS. */
function allowOnly(subjects: readonly string[]) {
  return subjects.length === 0 ? { deny: [">"] } : { allow: subjects };
}
