import { type DroverClient, openDrover } from "@drover/api-client";
import type { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import { CliError, EXIT } from "./exit-code.ts";
import { localAdminToken } from "./local-admin-token.ts";

const DEFAULT_URL = "http://127.0.0.1:8774";

/** What every command is given: where to write, how to reach Drover, and in which form to answer. */
export interface CommandContext {
  readonly io: CliIo;
  /** Answer with JSON for programs. */
  readonly json: boolean;
  /** A client for the API; `signal` ends its calls. */
  client(signal?: AbortSignal): DroverClient;
  /** Writes `data` as one line of JSON, or what `text` makes of it, whichever was asked for. */
  answer<Data>(data: Data, text: (data: Data) => string): void;
}

/** Hooks commands up to the process: gives each its context and takes its exit code. */
export interface CommandHost {
  readonly io: CliIo;
  readonly setExitCode: (code: number) => void;
}

/**
 * The context of one invocation: `--url` before DROVER_URL before the default, `--token` before DROVER_TOKEN before the
 * token that a standalone Drover on this machine has left for its owner.
 */
export function commandContext(io: CliIo, command: Command): CommandContext {
  const options = command.optsWithGlobals<{
    readonly url?: string;
    readonly token?: string;
    readonly json?: boolean;
  }>();
  const json = options.json === true;
  const url = options.url ?? (io.env.DROVER_URL || DEFAULT_URL);
  const token = options.token ?? (io.env.DROVER_TOKEN || localAdminToken(url, io.env));
  return {
    io,
    json,
    client: (signal) => {
      try {
        return openDrover({
          url,
          ...(token === undefined ? {} : { token }),
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (cause) {
        const from = options.url === undefined ? "DROVER_URL" : "--url";
        throw new CliError(EXIT.usage, `the value of ${from} cannot be used`, { cause });
      }
    },
    answer: (data, text) => {
      io.stdout.write(json ? `${JSON.stringify(data)}\n` : text(data));
    },
  };
}
