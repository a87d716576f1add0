import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import { runCommand } from "./run-command.ts";

/**
 * The path of a C program made from `source`, linked statically. Compiled on first use and kept in {@link cacheFolder}
 * under a hash of the source. Several processes may ask at once.
 *
 * @throws {TestkitError} with what gcc said.
 */
export async function compiledProgram(source: string): Promise<string> {
  const hash = createHash("sha256")
    .update(await readFile(source))
    .digest("hex")
    .slice(0, 16);
  const path = join(cacheFolder(), `${basename(source, ".c")}-${process.arch}-${hash}`);
  if (existsSync(path)) return path;
  await mkdir(cacheFolder(), { recursive: true });
  const fresh = `${path}-${randomUUID()}`;
  await runCommand("gcc", ["-O2", "-Wall", "-Wextra", "-static", "-o", fresh, source]);
  await rename(fresh, path);
  return path;
}
