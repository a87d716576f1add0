import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { withoutServiceStarts } from "./service-starts.ts";

/** Settings of {@link installDebianPackages}. */
export interface InstallOptions {
  /** Told every line that apt writes. @default nothing is shown */
  readonly onLine?: (line: string) => void;
}

/** Those of the given packages that are not installed here. */
export async function notInstalled(packages: readonly string[]): Promise<string[]> {
  // It ends with an error if it does not know one of them, and still tells about the others.
  const output = await runCommand("dpkg-query", ["--status", ...packages]).catch((error: unknown) => {
    if (error instanceof TestkitError && typeof error.details.stdout === "string") {
      return { stdout: error.details.stdout };
    }
    throw error;
  });
  return packagesNotIn(packages, output.stdout);
}

/** Those of `packages` that the paragraphs of `dpkg-query --status` do not call installed. */
export function packagesNotIn(packages: readonly string[], status: string): string[] {
  const installed = status
    .split("\n\n")
    .filter((paragraph) => /^Status: install ok installed$/m.test(paragraph))
    .map((paragraph) => /^Package: (.+)$/m.exec(paragraph)?.[1]);
  return packages.filter((name) => !installed.includes(name));
}

/**
 * Installs Debian packages, without what they merely recommend and without starting any of the services in them. The
 * package lists are fetched first if a package is not in them. Needs root; an empty list is done at once.
 *
 * @throws {TestkitError} with the end of what apt wrote.
 */
export async function installDebianPackages(packages: readonly string[], options: InstallOptions = {}): Promise<void> {
  if (packages.length === 0) return;
  const { onLine = () => undefined } = options;
  const install = () => apt(["install", "--yes", "--no-install-recommends", ...packages], onLine);
  await withoutServiceStarts(async () => {
    try {
      await install();
    } catch {
      // Most often the lists are missing or name versions that are no longer there.
      await apt(["update"], onLine);
      await install();
    }
  });
}

function apt(args: readonly string[], onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("apt-get", args, {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LANG: "C.UTF-8" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const last: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        onLine(line);
        last.push(line);
        if (last.length > 15) last.shift();
      });
    }
    child.on("error", (cause) => reject(new TestkitError("could not run apt-get", { cause })));
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new TestkitError(`apt-get ${args[0]} ended with exit code ${code}:\n${last.join("\n")}`));
    });
  });
}
