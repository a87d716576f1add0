import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";

/** What {@link holdNamespaces} starts. */
export interface HolderOptions {
  /** Which namespaces are new. The mount namespace always is, with private propagation. */
  readonly namespaces: readonly ("net" | "uts")[];
  /** A shell script that prepares the namespaces, prints "ready", and ends with `exec "$@"`. */
  readonly script: string;
  /** Where the script's output goes. */
  readonly logFile: string;
  /** Keep the namespaces after this process has ended. Otherwise the holder ends with it. */
  readonly detached: boolean;
}

/**
 * Starts a process that keeps new namespaces alive, and resolves once its script is ready.
 *
 * @throws {TestkitError} with the script's output, if it ends or is not ready within 10 s.
 */
export async function holdNamespaces(options: HolderOptions): Promise<ProcessIdentity> {
  const { namespaces, script, logFile, detached } = options;
  const flags = namespaces.map((namespace) => `--${namespace}`);
  // `cat` ends when this process does, since that closes its input: a second line of defence behind the warden.
  const last = detached ? ["sleep", "infinity"] : ["cat"];
  const log = openSync(logFile, "a", 0o600);
  const child = spawn("unshare", [...flags, "--mount", "--propagation", "private", "sh", "-c", script, "sh", ...last], {
    detached: true,
    stdio: [detached ? "ignore" : "pipe", log, log],
    env: { PATH: process.env.PATH, LANG: "C" },
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("error", (cause) => reject(new TestkitError("could not start unshare", { cause })));
    child.once("exit", () =>
      reject(new TestkitError(`a namespace could not be prepared: ${readFileSync(logFile, "utf8").trim()}`)),
    );
  });
  failed.catch(() => undefined);
  const ready = waitFor("a namespace to be ready", () => readFileSync(logFile, "utf8").includes("ready\n"), {
    deadlineMs: 10_000,
    intervalMs: 10,
  });
  await Promise.race([ready, failed]);
  child.unref();
  if (child.stdin !== null && "unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity === undefined) throw new TestkitError("a namespace's holder ended as soon as it was ready");
  return identity;
}

/** The arguments with which `nsenter` runs a command in a holder's namespaces. */
export function enterArguments(holder: ProcessIdentity, namespaces: readonly ("net" | "uts" | "mount")[]): string[] {
  return ["--target", String(holder.pid), ...namespaces.map((namespace) => `--${namespace}`), "--"];
}
