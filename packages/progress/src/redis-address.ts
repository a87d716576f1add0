import { DroverError } from "@drover/model";

/** Where Redis is, and by whom its certificate is signed. */
export interface RedisAddress {
  /**
   * `redis://user:password@host:port/0`, or `rediss://` for TLS. Of a cluster some nodes, separated by commas, from which the
   * others are found; all with one user. Never logged.
   */
  readonly url: string;
  /** Whether it is a Redis Cluster. @default false */
  readonly cluster?: boolean;
  /** PEM of the CA that signed its certificate, for `rediss://`. @default those that the system trusts */
  readonly ca?: Buffer;
}

interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** An address as a client wants it. */
export interface ParsedAddress {
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  readonly db: number;
  readonly cluster: boolean;
  readonly login: { readonly username?: string; readonly password?: string };
  /** Absent without TLS. */
  readonly tls?: { readonly ca?: Buffer };
  /** Hosts, ports and database number, for logs and errors: without the password. */
  readonly label: string;
}

/** @throws {DroverError} `bad-request` naming the key, for what is no address; it repeats nothing of the URL */
export function parseRedisAddress({ url, cluster = false, ca }: RedisAddress): ParsedAddress {
  const [first, ...others] = url.split(",").map(parseUrl);
  if (first === undefined) throw refused("there is no URL");
  if (!cluster && others.length > 0) {
    throw refused("several servers are a Redis Cluster: say so by progress.cluster = true, or name one");
  }
  const all = [first, ...others];
  if (all.some((one) => loginOf(one) !== loginOf(first))) {
    throw refused("the nodes of a cluster have one user, one password and TLS all or none");
  }
  const db = Number(first.pathname.slice(1));
  if (!Number.isInteger(db)) throw refused("what follows the port is the number of a database");
  if (cluster && db !== 0) throw refused("a Redis Cluster has the database 0 alone");
  return {
    nodes: [nodeOf(first), ...others.map(nodeOf)],
    ...{ db, cluster },
    login: {
      ...(first.username === "" ? {} : { username: decodeURIComponent(first.username) }),
      ...(first.password === "" ? {} : { password: decodeURIComponent(first.password) }),
    },
    ...(first.protocol === "rediss:" ? { tls: ca === undefined ? {} : { ca } } : {}),
    label: all.map((one) => `${one.hostname}:${nodeOf(one).port}`).join(",") + first.pathname,
  };
}

function parseUrl(text: string): URL {
  const parsed = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (parsed === undefined || !["redis:", "rediss:"].includes(parsed.protocol) || parsed.hostname === "") {
    throw refused("the URL must look like redis://user@host:port/0");
  }
  return parsed;
}

function nodeOf({ hostname, port }: URL): RedisNode {
  // An IPv6 address stands in brackets in a URL alone.
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 6379 : Number(port) };
}

function loginOf({ protocol, username, password }: URL): string {
  return JSON.stringify([protocol, username, password]);
}

function refused(why: string): DroverError {
  return new DroverError("bad-request", `progress.url: ${why}`, { details: { key: "progress.url" } });
}
