import { resolve } from "node:path";
import { type DroverClient, openDrover } from "@drover/api-client";
import type { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import { currentContext } from "./context/contexts.ts";
import { CliError, EXIT } from "./exit-code.ts";
import { localAdminToken } from "./local-admin-token.ts";
import { documentText, type OutputOptions } from "./output-format.ts";
import { trustCaFile } from "./trust-ca-file.ts";

const DEFAULT_URL = "http://127.0.0.1:8774";

/** What every command is given: where to write, how to reach Drover, and in which form to answer. */
export interface CommandContext {
  readonly io: CliIo;
  /** `data` as a document for programs, with the end of its line; undefined where people read. */
  readonly document: ((data: unknown) => string) | undefined;
  /** A client for the API; `signal` ends its calls. */
  client(signal?: AbortSignal): DroverClient;
  /** Writes `data` as a document, or what `text` makes of it, whichever was asked for. */
  answer<Data>(data: Data, text: (data: Data) => string): void;
}

/** Hooks commands up to the process: gives each its context and takes its exit code. */
export interface CommandHost {
  readonly io: CliIo;
  readonly setExitCode: (code: number) => void;
}

interface ConnectionOptions {
  readonly url?: string;
  readonly token?: string;
  readonly cacert?: string;
}

/** Where Drover is and who asks, and what said so, for messages. */
interface Connection {
  readonly url: string;
  readonly urlFrom: string;
  readonly token: string | undefined;
  /** PEM file of authorities to trust beside the system's; absolute. */
  readonly cacert: string | undefined;
}

/** The context of one invocation. */
export function commandContext(io: CliIo, command: Command): CommandContext {
  const { output = "table", ...options } = command.optsWithGlobals<ConnectionOptions & OutputOptions>();
  const document = output === "table" ? undefined : (data: unknown) => documentText(output, data);
  return {
    io,
    document,
    client: (signal) => {
      const { url, urlFrom, token, cacert } = connectionOf(options, io.env);
      trustCaFile(cacert);
      try {
        return openDrover({
          url,
          ...(token === undefined ? {} : { token }),
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (cause) {
        throw new CliError(EXIT.usage, `the value of ${urlFrom} cannot be used`, { cause });
      }
    },
    answer: (data, text) => {
      io.stdout.write(document === undefined ? text(data) : document(data));
    },
  };
}

/**
 * An option goes before the environment, that before the context that was logged in to, and that before what `drover up` is
 * on this machine. A context's token goes to its own address alone, as its authority is trusted there alone.
 */
export function connectionOf(options: ConnectionOptions, env: CliIo["env"]): Connection {
  const named = namedUrl(options, env);
  const context = named === undefined ? currentContext(env) : undefined;
  const url = named?.url ?? context?.url ?? DEFAULT_URL;
  const urlFrom = named?.from ?? `the context ${context?.name}`;
  const token = options.token ?? (env.DROVER_TOKEN || context?.token || localAdminToken(url, env));
  return { url, urlFrom, token, cacert: namedCaFile(options, env) ?? context?.cacert };
}

/** Absolute, so that it is found again from elsewhere. */
export function namedCaFile({ cacert }: Pick<ConnectionOptions, "cacert">, env: CliIo["env"]): string | undefined {
  const path = cacert ?? env.DROVER_CACERT;
  return path === undefined || path === "" ? undefined : resolve(path);
}

function namedUrl(
  { url }: ConnectionOptions,
  { DROVER_URL }: CliIo["env"],
): { readonly url: string; readonly from: string } | undefined {
  if (url !== undefined) return { url, from: "--url" };
  return DROVER_URL ? { url: DROVER_URL, from: "DROVER_URL" } : undefined;
}
