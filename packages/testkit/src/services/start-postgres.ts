import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** A PostgreSQL of its own. Its `url` names the database `postgres`. */
export interface Postgres extends RealService {
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Runs SQL as superuser and returns the rows, one a line, columns separated by "|". */
  sql(statement: string, databaseUrl?: string): Promise<string>;
}

interface PostgresOptions extends ServiceOptions {
  /** Settings of the server, over those that are made here. @default none */
  readonly settings?: Readonly<Record<string, string>>;
}

const USER = "drover";

/**
 * Starts a PostgreSQL of its own. It does not sync to disk: a killed server has its data again, a lost machine would not.
 *
 * PostgreSQL refuses to run as root; then it runs as `postgres`, or as `nobody` if there is no such user.
 *
 * @throws {TestkitError} with the end of its log.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { listenAddress: address = "127.0.0.1", group } = options;
  const port = await freePort(address);
  const password = randomBytes(12).toString("hex");
  const folder = await createOwnedFolder({ kind: "postgres", group });
  const data = join(folder.path, "data");
  const url = `postgres://${USER}:${password}@${address}:${port}/postgres`;
  const env = { PATH: process.env.PATH, LANG: "C.UTF-8" };
  const binaries = binaryFolder();
  const asUser = unprivilegedUser();
  const run = (program: string, args: readonly string[]) => {
    const [command = "", ...rest] = [...asUser.prefix, join(binaries, program), ...args];
    return { command, args: rest };
  };
  const sql = async (statement: string, databaseUrl = url) => {
    const args = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statement, databaseUrl];
    const { stdout } = await runCommand(join(binaries, "psql"), args, { env, deadlineMs: 20_000 });
    return stdout.trim();
  };
  try {
    await mkdir(data, { mode: 0o700 });
    const passwordFile = join(folder.path, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (asUser.ids !== undefined) {
      await chmod(folder.path, 0o711);
      await chown(data, ...asUser.ids);
      await chown(passwordFile, ...asUser.ids);
    }
    const initdb = run("initdb", [
      ...["--pgdata", data, "--username", USER, "--pwfile", passwordFile, "--auth", "scram-sha-256"],
      ...["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"],
    ]);
    await runCommand(initdb.command, initdb.args, { env, cwd: folder.path });
    // Lab hosts connect from addresses of their own.
    await writeFile(join(data, "pg_hba.conf"), "host all all all scram-sha-256\n");
  } catch (cause) {
    await folder.remove();
    throw new TestkitError("could not prepare PostgreSQL's data folder", { cause });
  }
  // Commits are still written at once (synchronous_commit stays on), so that a killed server has them again.
  const settings = {
    listen_addresses: address,
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    full_page_writes: "off",
    shared_buffers: "32MB",
    max_connections: "100",
    jit: "off",
    ...options.settings,
  };
  const service = await startService({
    name: "PostgreSQL",
    url,
    address,
    port,
    folder,
    ...run("postgres", [
      "-D",
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]),
    env,
    stopSignal: "SIGINT",
    probe: () => sql("select 1"),
  });
  return Object.assign(service, {
    sql,
    createDatabase: async () => {
      const name = `db_${randomBytes(6).toString("hex")}`;
      await sql(`create database ${name}`);
      return url.replace(/postgres$/, name);
    },
  });
}

/** Debian keeps each major version's programs in a folder of its own and out of the path. */
function binaryFolder(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).filter((name) => /^\d+$/.test(name)) : [];
  const newest = versions
    .filter((version) => existsSync(join(root, version, "bin/postgres")))
    .sort((left, right) => Number(right) - Number(left))[0];
  if (newest === undefined) throw new TestkitError(`found no PostgreSQL in ${root}; install the package postgresql`);
  return join(root, newest, "bin");
}

function unprivilegedUser(): { prefix: string[]; ids?: readonly [user: number, group: number] } {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const entries = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const entry = ["postgres", "nobody"].flatMap((name) => entries.find(([user]) => user === name) ?? []);
  const [, , user, group] = entry;
  if (user === undefined || group === undefined) {
    throw new TestkitError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody");
  }
  return {
    prefix: ["setpriv", `--reuid=${user}`, `--regid=${group}`, "--clear-groups"],
    ids: [Number(user), Number(group)],
  };
}
