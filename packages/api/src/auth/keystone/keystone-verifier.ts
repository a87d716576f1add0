import { createHash } from "node:crypto";
import { type Clock, DroverError, ROLES, type Role } from "@drover/model";
import type { Identity } from "../../identity.ts";
import type { IdentitySource } from "../identity-source.ts";
import type { KeystoneClient, KeystoneToken } from "./keystone-client.ts";
import type { KeystoneConfig } from "./keystone-config.ts";

/** Tokens that are remembered at most; the one that was asked about first is forgotten first. */
const MAX_REMEMBERED = 10_000;
/** Longer is no token of Keystone's: Fernet's have some 200 characters, JWS ones some hundreds. */
const MAX_TOKEN_CHARACTERS = 4_096;

/** That a token is none is believed for so long at most, ms: with several Keystones one may know it a moment later than another. */
const NONE_FOR_MS = 10_000;

interface Remembered {
  /** Keystone is asked again then; never before it has answered. */
  untilMs: number;
  readonly known: Promise<KeystoneToken | undefined>;
  found: KeystoneToken | undefined;
}

/** Tells who holds a token of Keystone's. Keystone is asked once in `token_cache_time` for each, not for each request. */
export class KeystoneVerifier implements IdentitySource {
  readonly #client: Pick<KeystoneClient, "validate">;
  readonly #clock: Clock;
  readonly #believedForMs: number;
  readonly #roleNames: Readonly<Record<Role, ReadonlySet<string>>>;
  /** By hash: what a heap dump shows is no token. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(client: Pick<KeystoneClient, "validate">, config: KeystoneConfig, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#believedForMs = config.token_cache_time * 1_000;
    this.#roleNames = {
      reader: new Set(config.reader_roles),
      operator: new Set(config.operator_roles),
      admin: new Set(config.admin_roles),
    };
  }

  async verify(text: string, remoteAddress: string): Promise<Identity> {
    const known = text.length > MAX_TOKEN_CHARACTERS ? undefined : await this.#lookUp(text);
    if (known === undefined || !this.#isInForce(known)) {
      throw new DroverError("unauthenticated", "this token is not known, to Keystone neither: it may have expired");
    }
    const { user, project } = known;
    const role = this.#roleOf(known);
    const tokenId = tokenIdOf(known);
    if (role === undefined) {
      const held =
        known.roles
          .map(({ name }) => name)
          .sort()
          .join(", ") || "none";
      throw new DroverError("forbidden", `none of ${user.name}'s roles in Keystone counts here; they are ${held}`, {
        details: { tokenId },
      });
    }
    // As OpenStack's own tools write it where the domain matters.
    const userId = user.domain.id === "default" ? user.name : `${user.name}@${user.domain.name}`;
    return { userId, projectId: project?.id ?? "system", role, tokenId, remoteAddress };
  }

  remembers(text: string): boolean {
    const found = this.#remembered.get(hashOf(text))?.found;
    return found !== undefined && this.#isInForce(found);
  }

  #isInForce({ expires_at }: KeystoneToken): boolean {
    return expires_at > this.#clock.now();
  }

  #roleOf({ roles }: KeystoneToken): Role | undefined {
    return ROLES.toReversed().find((role) => roles.some(({ name }) => this.#roleNames[role].has(name)));
  }

  #lookUp(text: string): Promise<KeystoneToken | undefined> {
    const nowMs = this.#clock.monotonicMs();
    const key = hashOf(text);
    const before = this.#remembered.get(key);
    if (before !== undefined && before.untilMs > nowMs) return before.known;
    const known = this.#client.validate(text);
    const now: Remembered = { untilMs: Number.POSITIVE_INFINITY, known, found: before?.found };
    this.#remembered.delete(key);
    this.#remembered.set(key, now);
    this.#forget();
    known.then(
      (found) => {
        now.found = found;
        now.untilMs = nowMs + (found === undefined ? Math.min(NONE_FOR_MS, this.#believedForMs) : this.#believedForMs);
      },
      () => {
        // Keystone was away: it is asked again.
        if (this.#remembered.get(key) === now) this.#remembered.delete(key);
      },
    );
    return known;
  }

  #forget(): void {
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [first] = this.#remembered.keys();
    if (first !== undefined) this.#remembered.delete(first);
  }
}

/** Keystone's own id of a token for logs, which is no secret. */
function tokenIdOf({ audit_ids: [id], user }: KeystoneToken): string {
  return `keystone:${id ?? user.id}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
