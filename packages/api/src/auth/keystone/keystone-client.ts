import { readFileSync } from "node:fs";
import { type Clock, DroverError } from "@drover/model";
import { Agent, request } from "undici";
import { z } from "zod";
import type { KeystoneConfig } from "./keystone-config.ts";

/** Our own token is renewed so long before it ends, ms. */
const RENEW_BEFORE_MS = 60_000;

const named = z.object({ id: z.string(), name: z.string() });

/** Of `GET /v3/auth/tokens`, what is looked at; Identity API v3, "Validate and show information for token". */
const validated = z.object({
  token: z.object({
    expires_at: z.coerce.date(),
    audit_ids: z.array(z.string()).default([]),
    user: named.extend({ domain: named }),
    project: named.optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
  }),
});
const issued = z.object({ token: z.object({ expires_at: z.coerce.date() }) });

/** What Keystone knows of a token. */
export type KeystoneToken = z.output<typeof validated>["token"];

interface OwnToken {
  readonly text: string;
  readonly untilMs: number;
}

/** Asks Keystone about tokens, with a token of our own that is renewed as needed. */
export class KeystoneClient {
  readonly #config: KeystoneConfig;
  readonly #clock: Clock;
  readonly #base: string;
  readonly #agent: Agent;
  #own: OwnToken | undefined;
  #renewing: Promise<OwnToken> | undefined;

  /** @throws {DroverError} `bad-request` naming the keys, where there is no way to get a token of our own */
  constructor(config: KeystoneConfig & { readonly auth_url: string }, clock: Clock) {
    requireCredentials(config);
    this.#config = config;
    this.#clock = clock;
    this.#base = `${config.auth_url.replace(/\/+$/, "").replace(/\/v3$/, "")}/v3/auth/tokens`;
    const ca = config.cafile === null ? {} : { ca: readCa(config.cafile) };
    const timeoutMs = config.http_connect_timeout * 1_000;
    this.#agent = new Agent({
      connect: { ...ca, timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connections: 16,
    });
  }

  /**
   * What Keystone knows of `text`; undefined for a token that is none, has expired or was revoked: Keystone does not tell them apart.
   *
   * @throws {DroverError} `unavailable` when Keystone is away, or does not take our own credentials
   */
  async validate(text: string): Promise<KeystoneToken | undefined> {
    const own = await this.#ownToken();
    let answer = await this.#ask(text, own);
    if (answer.status === 401) {
      // Ours ended before its time: it was revoked, or Keystone's keys were changed.
      if (this.#own?.text === own) this.#own = undefined;
      answer = await this.#ask(text, await this.#ownToken());
    }
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw away(`it answered HTTP ${answer.status} to the question about a token`);
    return read(validated, answer.body).token;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #ask(text: string, own: string): Promise<Answer> {
    return this.#send("GET", { "x-auth-token": own, "x-subject-token": text }, undefined);
  }

  /** One for all who need it at the same time. */
  async #ownToken(): Promise<string> {
    if (this.#own !== undefined && this.#own.untilMs > this.#clock.now().getTime()) return this.#own.text;
    this.#renewing ??= this.#issue().finally(() => {
      this.#renewing = undefined;
    });
    this.#own = await this.#renewing;
    return this.#own.text;
  }

  async #issue(): Promise<OwnToken> {
    const { status, body, headers } = await this.#send("POST", {}, JSON.stringify(loginOf(this.#config)));
    const text = headers["x-subject-token"];
    if (status !== 201 || typeof text !== "string") {
      throw away(`it answered HTTP ${status} to Drover's own credentials: check [keystone_authtoken]`);
    }
    return { text, untilMs: read(issued, body).token.expires_at.getTime() - RENEW_BEFORE_MS };
  }

  async #send(method: "GET" | "POST", headers: Record<string, string>, body: string | undefined): Promise<Answer> {
    const url = method === "GET" ? `${this.#base}?nocatalog` : this.#base;
    const json = body === undefined ? {} : { "content-type": "application/json" };
    try {
      const sent = { method, headers: { ...headers, ...json }, dispatcher: this.#agent };
      const response = await request(url, body === undefined ? sent : { ...sent, body });
      return { status: response.statusCode, headers: response.headers, body: await response.body.text() };
    } catch (cause) {
      throw away("it cannot be reached: see whether it runs, and [keystone_authtoken] auth_url", cause);
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Identity API v3, "Password authentication with scoped authorization", and "Authenticating with an Application Credential". */
function loginOf(config: KeystoneConfig) {
  if (config.application_credential_id !== null) {
    const { application_credential_id: id, application_credential_secret: secret } = config;
    return { auth: { identity: { methods: ["application_credential"], application_credential: { id, secret } } } };
  }
  const user = { name: config.username, domain: { name: config.user_domain_name }, password: config.password };
  const project = { name: config.project_name, domain: { name: config.project_domain_name } };
  return { auth: { identity: { methods: ["password"], password: { user } }, scope: { project } } };
}

function requireCredentials(config: KeystoneConfig): void {
  const pairs = [
    ["application_credential_id", "application_credential_secret"],
    ["username", "password"],
  ] as const;
  for (const [one, other] of pairs) {
    const missing = [one, other].filter((key) => config[key] === null);
    if (missing.length === 0) return;
    if (missing.length === 1) throw unset(`keystone_authtoken.${missing[0]}: must be given too`, missing[0]);
  }
  const remedy = "or application_credential_id and application_credential_secret: Drover asks Keystone under that name";
  throw unset(`keystone_authtoken.username, .password: must be given with auth_url, ${remedy}`, "username");
}

function unset(message: string, key: string | undefined): DroverError {
  return new DroverError("bad-request", message, { details: { key: `keystone_authtoken.${key}` } });
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const message = `keystone_authtoken.cafile: ${path} cannot be read`;
    throw new DroverError("bad-request", message, { cause, details: { key: "keystone_authtoken.cafile", path } });
  }
}

function read<Value>(schema: z.ZodType<Value>, body: string): Value {
  try {
    return schema.parse(JSON.parse(body));
  } catch (cause) {
    throw away("its answer is not as Identity API v3 has it", cause);
  }
}

function away(what: string, cause?: unknown): DroverError {
  const meanwhile = "Drover's own tokens go on meanwhile";
  return new DroverError("unavailable", `looking at a token of Keystone: ${what}; ${meanwhile}`, { cause });
}
