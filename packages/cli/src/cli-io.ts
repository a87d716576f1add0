import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { type Clock, systemClock } from "@drover/model";

/** What is written to; `isTTY` and `columns` are a terminal's. */
export type CliStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Everything outside that a command touches, so that tests own it. */
export interface CliIo {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Asks for one line that is not shown while it is typed; where nobody types, the first line of standard input. */
  readSecret(question: string): Promise<string>;
  /** Calls `listener` on Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
}

/** The process's own. */
export const processIo: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  readSecret,
  onInterrupt: (listener) => {
    process.on("SIGINT", listener);
    process.on("SIGTERM", listener);
    return () => {
      process.off("SIGINT", listener);
      process.off("SIGTERM", listener);
    };
  },
};

/** Colours and a moving bar: a terminal that understands them. */
export function isLively({ stdout, env }: Pick<CliIo, "stdout" | "env">): boolean {
  return stdout.isTTY === true && env.TERM !== "dumb";
}

/** Colours are wanted: a terminal, and no NO_COLOR (https://no-color.org: any value but the empty one). */
export function wantsColor(io: Pick<CliIo, "stdout" | "env">): boolean {
  return isLively(io) && (io.env.NO_COLOR ?? "") === "";
}

/** The terminal's character set has block characters, as far as the locale tells. */
export function speaksUnicode(env: CliIo["env"]): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "");
}

async function readSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write(question);
  // What is typed is echoed to nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write("\n");
  }
}
