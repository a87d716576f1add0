import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Watches over a folder of things to be stopped: when this process ends, however it does, the folder is cleaned up by
 * a process of its own. Costs one sleeping shell.
 *
 * The shell waits for the end of its input, which the kernel closes with this process, SIGKILL included.
 *
 * @returns Call it once everything was stopped in good order; the folder is then no longer watched.
 */
export function startWarden(folder: string): () => void {
  // The same file is run from `src` by Node's type stripping and from `dist` as built.
  const entry = fileURLToPath(new URL(`./clean-up-main${extname(import.meta.url)}`, import.meta.url));
  const warden: ChildProcess = spawn("sh", ["-c", 'cat >/dev/null; exec "$@"', "sh", process.execPath, entry, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  warden.on("error", () => undefined);
  warden.unref();
  const input = warden.stdin;
  if (input !== null && "unref" in input && typeof input.unref === "function") input.unref();
  return () => {
    warden.kill("SIGKILL");
  };
}
