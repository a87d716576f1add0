import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorChain } from "@drover/model";
import { parse, stringify } from "smol-toml";
import type { CliIo } from "../cli-io.ts";
import { CliError, EXIT } from "../exit-code.ts";

/** A Drover that was logged in to. */
export interface Context {
  readonly name: string;
  readonly url: string;
  /** Undefined for one on this machine, whose local administrator's token is used. */
  readonly token?: string | undefined;
  /** PEM file of the authority that signed its certificate, absolute. Undefined: one that the system trusts. */
  readonly cacert?: string | undefined;
}

interface Contexts {
  readonly current: string | undefined;
  readonly all: readonly Context[];
}

const NOTHING: Contexts = { current: undefined, all: [] };

/** The one that commands speak to, where nothing else is named. */
export function currentContext(env: CliIo["env"]): Context | undefined {
  const { current, all } = readContexts(env);
  return all.find(({ name }) => name === current);
}

/**
 * Those that are kept, by name.
 *
 * @throws {CliError} `usage` when the file is not ours to read, or could be read by others: it holds tokens.
 */
export function readContexts(env: CliIo["env"]): Contexts {
  const path = contextsPath(env);
  if (path === undefined) return NOTHING;
  let text: string;
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) {
      throw new CliError(EXIT.usage, `${path} holds tokens and can be read by others; run: chmod 600 ${path}`);
    }
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    if (isMissing(cause)) return NOTHING;
    throw new CliError(EXIT.usage, `the contexts in ${path} cannot be read`, { cause });
  }
  try {
    return contextsFrom(parse(text));
  } catch (cause) {
    const problem = errorChain(cause).split("\n")[0];
    throw new CliError(
      EXIT.usage,
      `${path} is not a file of contexts (${problem}); mend it, or delete it and log in again`,
    );
  }
}

/** What this command wrote, or a person who edits the file. @throws naming the key */
function contextsFrom({ current, contexts = {} }: Readonly<Record<string, unknown>>): Contexts {
  if (current !== undefined && typeof current !== "string") throw new Error("current is no text");
  if (!isTable(contexts)) throw new Error("contexts is no table");
  const all = Object.entries(contexts).map(([name, context]): Context => {
    const { url, token, cacert } = isTable(context) ? context : {};
    if (typeof url !== "string") throw new Error(`contexts.${name}.url is missing, or no text`);
    if (token !== undefined && typeof token !== "string") throw new Error(`contexts.${name}.token is no text`);
    if (cacert !== undefined && typeof cacert !== "string") throw new Error(`contexts.${name}.cacert is no text`);
    return { name, url, token, cacert };
  });
  return { current, all: all.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keeps a context and makes it the one that is used. One of that name is replaced. */
export function keepContext(env: CliIo["env"], context: Context): void {
  const others = readContexts(env).all.filter(({ name }) => name !== context.name);
  write(env, { current: context.name, all: [...others, context] });
}

/** @throws {CliError} `notFound` */
export function selectContext(env: CliIo["env"], name: string): Context {
  const { all } = readContexts(env);
  const found = requireContext(all, name);
  write(env, { current: name, all });
  return found;
}

/** Its token goes with it; the token itself stays in force. @throws {CliError} `notFound` */
export function deleteContext(env: CliIo["env"], name: string): void {
  const { current, all } = readContexts(env);
  requireContext(all, name);
  write(env, {
    current: current === name ? undefined : current,
    all: all.filter((context) => context.name !== name),
  });
}

function requireContext(all: readonly Context[], name: string): Context {
  const found = all.find((context) => context.name === name);
  if (found !== undefined) return found;
  const known = all.map((context) => context.name).join(", ");
  const remedy = known === "" ? "make one with `drover login URL`" : `there are: ${known}`;
  throw new CliError(EXIT.notFound, `there is no context ${name}; ${remedy}`);
}

/** Whole or not at all, and never for others to read. */
function write(env: CliIo["env"], { current, all }: Contexts): void {
  const path = contextsPath(env);
  if (path === undefined) {
    throw new CliError(EXIT.usage, "there is no folder to keep contexts in: set XDG_CONFIG_HOME, or HOME");
  }
  const contexts = Object.fromEntries(
    all.map(({ name, url, token, cacert }) => [
      name,
      { url, ...(token === undefined ? {} : { token }), ...(cacert === undefined ? {} : { cacert }) },
    ]),
  );
  const text = stringify({ ...(current === undefined ? {} : { current }), contexts });
  const fresh = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(fresh, `${text}\n`, { mode: 0o600 });
    // The mask may have taken more from it, never less; one that was left behind may have had more.
    chmodSync(fresh, 0o600);
    renameSync(fresh, path);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new CliError(EXIT.error, `the contexts cannot be kept in ${path}`, { cause });
  }
}

function contextsPath({ XDG_CONFIG_HOME, HOME }: CliIo["env"]): string | undefined {
  const folder = XDG_CONFIG_HOME || (HOME ? join(HOME, ".config") : undefined);
  return folder === undefined ? undefined : join(folder, "drover", "contexts.toml");
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
