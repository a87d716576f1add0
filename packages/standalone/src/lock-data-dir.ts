import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DroverError } from "@drover/model";

/** The data directory, held by this process alone. */
export interface DataDirLock {
  release(): void;
}

const REMEDY = "name another one in data_dir (DROVER_DATA_DIR)";

/** SQLite's primary result code of a lock that another holds (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/**
 * Makes the data directory when it is missing, and holds it until `release` or until this process ends, however it
 * ends. Two standalones over one directory would each write the state of the same simulated hosts.
 *
 * The lock is SQLite's own on an empty file `lock`, since Node has no file locks: the kernel gives it back when the
 * process is killed, so a file that was left behind never stands in the way.
 *
 * @throws {DroverError} `refused` when another process holds it; `bad-request` when it cannot be made or written.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unusable(dataDir, cause);
  }
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(join(dataDir, "lock"), { timeout: 0 });
    file.exec("begin exclusive");
  } catch (cause) {
    file?.close();
    if (!isBusy(cause)) throw unusable(dataDir, cause);
    throw new DroverError(
      "refused",
      `another Drover runs on the data directory ${dataDir}; stop it first, or ${REMEDY}`,
      { details: { dataDir } },
    );
  }
  const held = file;
  return { release: () => held.close() };
}

function unusable(dataDir: string, cause: unknown): DroverError {
  return new DroverError("bad-request", `the data directory ${dataDir} cannot be used; ${REMEDY}`, {
    cause,
    details: { dataDir },
  });
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    (error.errcode & 0xff) === SQLITE_BUSY
  );
}
