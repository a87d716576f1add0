import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";

/** The program that Debian's packages ask before they start a service; exit code 101 means "do not" (invoke-rc.d(8)). */
const POLICY = "/usr/sbin/policy-rc.d";
const DENIED = 101;
const DENYING = "#!/bin/sh\n# Put here by Drover's tests while they install packages; may be deleted.\nexit 101\n";

/**
 * Runs `work` while no package may start a service. What was there before is there again afterwards; a policy that
 * denies already, as in containers, is not touched.
 *
 * @param options.policyPath For tests. @default /usr/sbin/policy-rc.d
 */
export async function withoutServiceStarts<T>(
  work: () => Promise<T>,
  options: { readonly policyPath?: string } = {},
): Promise<T> {
  const { policyPath = POLICY } = options;
  if (await denies(policyPath)) return work();
  const saved = `${policyPath}.before-drover`;
  const hadOne = await rename(policyPath, saved).then(
    () => true,
    () => false,
  );
  try {
    await writeFile(policyPath, DENYING, { flag: "wx" });
    await chmod(policyPath, 0o755);
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") {
      throw new TestkitError(`cannot write in ${dirname(policyPath)}; install packages as root`, { cause: error });
    }
    throw error;
  } finally {
    if (hadOne) await rename(saved, policyPath);
    else await rm(policyPath, { force: true });
  }
}

async function denies(policyPath: string): Promise<boolean> {
  try {
    await runCommand(policyPath, ["drover-probe", "start"]);
    return false;
  } catch (error) {
    return error instanceof TestkitError && error.details.exitCode === DENIED;
  }
}
