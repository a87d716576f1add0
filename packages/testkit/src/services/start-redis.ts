import { randomBytes } from "node:crypto";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import { askServer } from "./ask-server.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/**
 * Starts a Redis of its own, with a password and an append-only file, so that it has its data again after a restart.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startRedis(options: ServiceOptions = {}): Promise<RealService> {
  const { listenAddress: address = "127.0.0.1", group } = options;
  const port = await freePort(address);
  const password = randomBytes(12).toString("hex");
  const folder = await createOwnedFolder({ kind: "redis", group });
  const settings = {
    port: String(port),
    bind: address,
    dir: folder.path,
    requirepass: password,
    daemonize: "no",
    save: "",
    appendonly: "yes",
    // A killed process loses nothing that the kernel has; only a lost machine would.
    appendfsync: "no",
  };
  return startService({
    name: "Redis",
    url: `redis://:${password}@${address}:${port}`,
    address,
    port,
    folder,
    command: "redis-server",
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    stopSignal: "SIGTERM",
    probe: async () => {
      const answer = (await askServer(address, port, `AUTH ${password}\r\nPING\r\n`)).toString();
      if (!answer.startsWith("+OK")) throw new TestkitError(`Redis answered ${answer.trim()}`);
    },
  });
}
