import { randomBytes } from "node:crypto";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import { askServer, clientTls } from "./ask-server.ts";
import type { Certificates, TlsOptions } from "./create-certificates.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

interface RedisOptions extends ServiceOptions, Pick<TlsOptions, "tls"> {
  /** @default a random one */
  readonly password?: string;
  /** Settings of the server, over those that are made here. @default none */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts a Redis of its own, with a password and an append-only file, so that it has its data again after a restart. With
 * `tls` it listens for TLS alone, and its URL begins with `rediss:`.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RealService> {
  const { listenAddress: address = "127.0.0.1", group, tls, password = randomBytes(12).toString("hex") } = options;
  const port = await freePort(address);
  const folder = await createOwnedFolder({ kind: "redis", group });
  const settings = {
    ...(tls === undefined ? { port: String(port) } : tlsSettings(port, tls)),
    bind: address,
    dir: folder.path,
    requirepass: password,
    daemonize: "no",
    save: "",
    appendonly: "yes",
    // A killed process loses nothing that the kernel has; only a lost machine would.
    appendfsync: "no",
    ...options.settings,
  };
  return startService({
    name: "Redis",
    url: `${tls === undefined ? "redis" : "rediss"}://:${password}@${address}:${port}`,
    address,
    port,
    folder,
    command: "redis-server",
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    stopSignal: "SIGTERM",
    probe: async () => {
      const answer = (
        await askServer(address, port, `AUTH ${password}\r\nPING\r\n`, { tls: clientTls(tls) })
      ).toString();
      if (!answer.startsWith("+OK")) throw new TestkitError(`Redis answered ${answer.trim()}`);
    },
  });
}

function tlsSettings(port: number, { caFile, serverCertificateFile, serverKeyFile }: Certificates) {
  return {
    port: "0",
    "tls-port": String(port),
    "tls-ca-cert-file": caFile,
    "tls-cert-file": serverCertificateFile,
    "tls-key-file": serverKeyFile,
    "tls-auth-clients": "no",
  };
}
