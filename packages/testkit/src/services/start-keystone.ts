import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { type RealService, type ServiceOptions, startService } from "./real-service.ts";

/** A Keystone of its own: OpenStack's identity service. */
export interface Keystone extends RealService {
  /** Its Identity API: `http://127.0.0.1:41234/v3`. */
  readonly url: string;
  /** Of the user `admin` in the project `admin`. */
  readonly adminPassword: string;
  /** Adds a user with a role in a project, all in the domain Default, and makes what there is not yet; resolves with its password. */
  addUser(name: string, options: { readonly project: string; readonly role: string }): Promise<string>;
  /** Puts a service's address into the catalog: `compute` is Nova's type, `image` Glance's. */
  addEndpoint(type: string, url: string): Promise<void>;
  /** A token of a user for a project. */
  issueToken(user: string, password: string, project: string): Promise<string>;
  revokeToken(token: string): Promise<void>;
}

/** Who Keystone knows when it begins. */
const ADMIN = "admin";

/** `keystone-manage db_sync` and `bootstrap` in one process: to load Keystone takes longer than either. */
const SET_UP = `
import sys
from keystone.cmd import cli
from keystone.conf import CONF
file, url = sys.argv[1:]
for command in ["db_sync"], ["bootstrap", "--bootstrap-public-url", url, "--bootstrap-region-id", "here"]:
    CONF.reset()
    cli.main(["keystone-manage", "--config-file", file, *command])
`;

/**
 * Starts a Keystone of its own, with SQLite and Fernet tokens in its folder, from Debian's `python3-keystone`. Nothing under
 * /etc or /var is read or written. Ready in about 8 s.
 *
 * @throws {TestkitError} with the end of its log
 */
export async function startKeystone(options: ServiceOptions = {}): Promise<Keystone> {
  const { listenAddress: address = "127.0.0.1", group } = options;
  const port = await freePort(address);
  const folder = await createOwnedFolder({ kind: "keystone", group });
  const inFolder = (name: string) => join(folder.path, name);
  const adminPassword = randomBytes(12).toString("hex");
  const url = `http://${address}:${port}/v3`;
  const configFile = inFolder("keystone.conf");
  const env = {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    HOME: folder.path,
    OS_KEYSTONE_CONFIG_FILES: configFile,
    OS_BOOTSTRAP_PASSWORD: adminPassword,
  };
  try {
    for (const keys of ["fernet", "receipts", "credentials"]) {
      await mkdir(inFolder(keys), { mode: 0o700 });
      // What `keystone-manage fernet_setup` makes, for each in four seconds: the key to sign with and the one to come.
      for (const key of ["0", "1"]) {
        await writeFile(join(inFolder(keys), key), randomBytes(32).toString("base64url").padEnd(44, "="), {
          mode: 0o600,
        });
      }
    }
    await writeFile(configFile, configText(inFolder), { mode: 0o600 });
    await runCommand("/usr/bin/python3", ["-c", SET_UP, configFile, url], { env, cwd: folder.path });
    letReadersBe(inFolder("keystone.db"));
  } catch (cause) {
    await folder.remove();
    throw new TestkitError("could not set Keystone up", { cause });
  }
  const service = await startService({
    name: "Keystone",
    url,
    address,
    port,
    folder,
    command: "keystone-wsgi-public",
    args: ["--host", address, "--port", String(port)],
    env,
    stopSignal: "SIGTERM",
    probe: async () => {
      const response = await fetch(url);
      if (!response.ok) throw new TestkitError(`Keystone answered HTTP ${response.status}`);
    },
  });
  return Object.assign(service, { url, adminPassword }, await identityApi(url, adminPassword));
}

/** Keystone leaves reading transactions open, and each would keep its next write out: not so in this mode, which the file keeps. */
function letReadersBe(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal");
  database.close();
}

function configText(inFolder: (name: string) => string): string {
  return [
    "[database]",
    `connection = sqlite:///${inFolder("keystone.db")}`,
    "[token]",
    "provider = fernet",
    "caching = false",
    "[fernet_tokens]",
    `key_repository = ${inFolder("fernet")}`,
    "[fernet_receipts]",
    `key_repository = ${inFolder("receipts")}`,
    "[credential]",
    `key_repository = ${inFolder("credentials")}`,
    // Without a cache each request works out the roles of its token a dozen times.
    "[cache]",
    "enabled = true",
    "backend = dogpile.cache.memory",
    // A token that was revoked is to count no more at once.
    "[revoke]",
    "caching = false",
    "[identity]",
    "password_hash_rounds = 4",
    "",
  ].join("\n");
}

/** The few requests of the Identity API v3 that tests need, as the administrator. */
async function identityApi(url: string, adminPassword: string) {
  const adminToken = await issueToken(ADMIN, adminPassword, ADMIN);

  async function issueToken(name: string, password: string, project: string): Promise<string> {
    const user = { name, domain: { id: "default" }, password };
    const scope = { project: { name: project, domain: { id: "default" } } };
    const auth = { identity: { methods: ["password"], password: { user } }, scope };
    const { headers } = await send("POST", "/auth/tokens", { body: { auth } });
    return headers.get("x-subject-token") ?? "";
  }

  async function send(
    method: string,
    path: string,
    { body, headers = {} }: { readonly body?: object; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Response> {
    const response = await fetch(url + path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    throw new TestkitError(
      `Keystone answered ${method} ${path} with HTTP ${response.status}: ${await response.text()}`,
    );
  }

  const asAdmin = (method: string, path: string, body?: object) =>
    send(method, path, { ...(body && { body }), headers: { "x-auth-token": adminToken } });

  /** The id of what has the name, which is made where there is none. */
  async function idOf(kind: "project" | "role", name: string): Promise<string> {
    const found = await (await asAdmin("GET", `/${kind}s?name=${name}`)).json();
    const [known] = (found as Record<string, { id: string }[]>)[`${kind}s`] ?? [];
    return known?.id ?? (await create(kind, { name }));
  }

  async function create(kind: string, fields: object): Promise<string> {
    const made = await (await asAdmin("POST", `/${kind}s`, { [kind]: fields })).json();
    return (made as Record<string, { id: string }>)[kind]?.id ?? "";
  }

  return {
    issueToken,
    addUser: async (name: string, wanted: { readonly project: string; readonly role: string }) => {
      const password = randomBytes(12).toString("hex");
      const user = await create("user", { name, password });
      const [project, role] = [await idOf("project", wanted.project), await idOf("role", wanted.role)];
      await asAdmin("PUT", `/projects/${project}/users/${user}/roles/${role}`);
      return password;
    },
    addEndpoint: async (type: string, endpointUrl: string) => {
      const service = await create("service", { type, name: type });
      await create("endpoint", { service_id: service, interface: "public", region_id: "here", url: endpointUrl });
    },
    revokeToken: async (token: string) => {
      await send("DELETE", "/auth/tokens", { headers: { "x-auth-token": adminToken, "x-subject-token": token } });
    },
  };
}
