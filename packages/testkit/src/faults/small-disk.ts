import type { LabHost } from "../lab/lab-host.ts";
import { TestkitError } from "../testkit-error.ts";
import { type Fault, fault } from "./fault.ts";

/** A small file system of a host's own, to be filled. */
export interface SmallDisk {
  /** Where it is, as a path inside the host; only processes on the host see it. */
  readonly path: string;
  /** Writes until nothing more fits: whoever writes then fails with ENOSPC. The undo frees the space again. */
  fill(): Promise<Fault>;
}

/**
 * Mounts a file system of `sizeKiB` over a folder inside the host's mount namespace, made if there is none. It is there
 * for processes that start afterwards or look the path up anew, in memory, and gone with the host. Put an agent's state
 * file on it (`DROVER_COMPUTE_STATE_PATH`), and nothing else of the machine can run full.
 *
 * @param options.sizeKiB @default 256
 */
export async function mountSmallDisk(
  host: LabHost,
  path: string,
  options: { readonly sizeKiB?: number } = {},
): Promise<SmallDisk> {
  const { sizeKiB = 256 } = options;
  await host.exec("mkdir", ["-p", path]);
  await host.exec("mount", ["-t", "tmpfs", "-o", `size=${sizeKiB}k,mode=700`, "drover-small-disk", path]);
  const filler = `${path}/filler`;
  return {
    path,
    fill: async () => {
      const full = await host.exec("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]).then(
        () => false,
        (error: unknown) => error instanceof TestkitError && /No space left/.test(String(error.details.stderr)),
      );
      if (!full) throw new TestkitError(`the disk at ${path} of ${host.name} did not run full`);
      return fault(`the disk at ${path} of ${host.name} full`, () => host.exec("rm", ["--force", filler]));
    },
  };
}
