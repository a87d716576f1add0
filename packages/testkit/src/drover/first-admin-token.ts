import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TestkitError } from "../testkit-error.ts";

const DROVER = fileURLToPath(new URL("../../../cli/dist/main.js", import.meta.url));

/**
 * The first administrator's token, as an operator makes it: by `drover init`.
 *
 * @param env Configuration that names the store: `DROVER_*` variables.
 */
export async function firstAdminToken(env: Readonly<Record<string, string>>): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [DROVER, "init"], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    });
    return stdout.trim();
  } catch (cause) {
    throw new TestkitError("drover init made no token; run npm run build", { cause });
  }
}
