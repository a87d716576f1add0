import { join } from "node:path";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** A file as a volume over iSCSI. Its `url` is QEMU's for it: `iscsi://10.0.0.1:3260/iqn.…/1`. */
export interface IscsiTarget extends RealService {
  /** The target's iSCSI name; the volume is its logical unit 1. */
  readonly targetName: string;
}

/** What a file is served as. */
export interface IscsiOptions extends ServiceOptions {
  /** The file, raw. It stays when the target goes. */
  readonly path: string;
  /** The last part of the target's name. @default "disk" */
  readonly label?: string;
}

/**
 * Serves a file by `tgtd`, the target in user space: no kernel module, any number of initiators. Its volumes are not
 * kept by it: after `kill9` and `start` they have to be made again, so start another instead.
 *
 * @throws {TestkitError} with the end of its log, or with what `tgtadm` said.
 */
export async function startIscsiTarget(options: IscsiOptions): Promise<IscsiTarget> {
  const { listenAddress: address = "127.0.0.1", group, path, label = "disk" } = options;
  const port = await freePort(address);
  const folder = await createOwnedFolder({ kind: "iscsi", group });
  const targetName = `iqn.2026-11.org.drover:${label}`;
  // Without it all of them would meet at one socket under /var/run.
  const env = { PATH: process.env.PATH, LANG: "C.UTF-8", TGT_IPC_SOCKET: join(folder.path, "control") };
  const admin = async (...args: readonly string[]) => {
    return await runCommand("/usr/sbin/tgtadm", ["--control-port", "0", "--lld", "iscsi", ...args], { env });
  };
  const service = await startService({
    name: "tgtd",
    url: `iscsi://${address}:${port}/${targetName}/1`,
    address,
    port,
    folder,
    command: "/usr/sbin/tgtd",
    args: ["--foreground", "--control-port", "0", "--iscsi", `portal=${address}:${port}`],
    env,
    stopSignal: "SIGTERM",
    probe: () => admin("--op", "show", "--mode", "target"),
  });
  try {
    await admin("--op", "new", "--mode", "target", "--tid", "1", "--targetname", targetName);
    const unit = ["--mode", "logicalunit", "--tid", "1", "--lun", "1", "--backing-store", path];
    await admin("--op", "new", ...unit);
    await admin("--op", "bind", "--mode", "target", "--tid", "1", "--initiator-address", "ALL");
    await waitFor("the volume to be served", async () =>
      (await admin("--op", "show", "--mode", "target")).stdout.includes(path),
    );
  } catch (cause) {
    await service.remove();
    throw new TestkitError(`could not serve ${path} over iSCSI`, { cause });
  }
  return Object.assign(service, { targetName });
}
