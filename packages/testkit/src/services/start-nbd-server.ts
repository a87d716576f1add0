import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { askServer } from "./ask-server.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** One file as a network disk over NBD. Its `url` is QEMU's for it: `nbd://10.0.0.1:10809/disk`. */
export interface NbdServer extends RealService {
  readonly exportName: string;
}

/** What a file is served as. */
export interface NbdOptions extends ServiceOptions {
  /** The file, raw. It stays when the server goes. */
  readonly path: string;
}

/**
 * Serves a file by `qemu-nbd`, to any number of clients at once: during a migration both hosts have it open.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startNbdServer(options: NbdOptions): Promise<NbdServer> {
  const { listenAddress: address = "127.0.0.1", group, path } = options;
  const port = await freePort(address);
  const folder = await createOwnedFolder({ kind: "nbd", group });
  const exportName = "disk";
  const service = await startService({
    name: "qemu-nbd",
    url: `nbd://${address}:${port}/${exportName}`,
    address,
    port,
    folder,
    command: "/usr/bin/qemu-nbd",
    args: [
      ...["--persistent", "--shared=0", "--format=raw", `--export-name=${exportName}`],
      ...[`--bind=${address}`, `--port=${port}`, path],
    ],
    env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    stopSignal: "SIGTERM",
    probe: async () => {
      // The server speaks first: NBD's magic (NBD protocol, "Fixed newstyle negotiation").
      const answer = await askServer(address, port, "", {
        isComplete: (greeting) => greeting.subarray(0, 8).toString("latin1") === "NBDMAGIC",
      });
      return answer;
    },
  });
  return Object.assign(service, { exportName });
}
