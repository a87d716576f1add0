import { type AccessToken, type Clock, DroverError, isInForce, isSecretOf, parseToken } from "@drover/model";
import { type NetworkList, networkList } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { Identity } from "../identity.ts";
import type { IdentitySource } from "./identity-source.ts";

/** A token that was looked up is believed so long, ms: how soon a revocation counts at every API. */
const BELIEVED_FOR_MS = 5_000;
/** Tokens that are remembered at most; the one that was looked up first is forgotten first. */
const MAX_REMEMBERED = 10_000;

interface Remembered {
  readonly untilMs: number;
  readonly known: Promise<KnownToken | undefined>;
  /** What it came to. */
  found: KnownToken | undefined;
}

interface KnownToken {
  readonly token: AccessToken;
  /** Undefined: it may be used from everywhere. */
  readonly networks: NetworkList | undefined;
}

/** Tells who holds a token of Drover's own. The database is asked once in a few seconds for each token, not for each request. */
export class TokenVerifier implements IdentitySource {
  readonly #tokens: Store["tokens"];
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Remembered>();

  constructor({ store, clock }: { readonly store: Pick<Store, "tokens">; readonly clock: Clock }) {
    this.#tokens = store.tokens;
    this.#clock = clock;
  }

  async verify(text: string, remoteAddress: string): Promise<Identity> {
    const parsed = parseToken(text);
    const known = parsed === undefined ? undefined : await this.#lookUp(parsed.id);
    if (parsed === undefined || known === undefined || !isSecretOf(parsed.secret, known.token)) {
      throw new DroverError("unauthenticated", "this token is not known");
    }
    const { token, networks } = known;
    const { id: tokenId, name, role, projectId, expiresAt, revokedAt } = token;
    if (!isInForce(token, this.#clock.now())) {
      const [what, at] = revokedAt === null ? ["expired", expiresAt] : ["was revoked", revokedAt];
      throw refused(tokenId, `the token ${tokenId} ${what} at ${at?.toISOString()}: ask for a new one`);
    }
    if (networks !== undefined && !networks.has(remoteAddress)) {
      throw refused(tokenId, `the token ${tokenId} may not be used from ${remoteAddress}`);
    }
    return { userId: name, projectId, role, tokenId, remoteAddress };
  }

  remembers(text: string): boolean {
    const parsed = parseToken(text);
    const found = parsed === undefined ? undefined : this.#remembered.get(parsed.id)?.found;
    if (parsed === undefined || found === undefined) return false;
    return isSecretOf(parsed.secret, found.token) && isInForce(found.token, this.#clock.now());
  }

  #lookUp(id: string): Promise<KnownToken | undefined> {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#remembered.get(id);
    if (before !== undefined && before.untilMs > nowMs) return before.known;
    const known = this.#read(id);
    const now: Remembered = { untilMs: nowMs + BELIEVED_FOR_MS, known, found: before?.found };
    this.#remembered.delete(id);
    this.#remembered.set(id, now);
    this.#forget();
    const settle = (found: KnownToken | undefined) => {
      now.found = found;
      // One that is not there, or could not be asked for, is asked for again.
      if (found === undefined && this.#remembered.get(id) === now) this.#remembered.delete(id);
    };
    known.then(settle, () => settle(undefined));
    return known;
  }

  async #read(id: string): Promise<KnownToken | undefined> {
    const token = await this.#tokens.get(id);
    if (token === undefined) return undefined;
    return { token, networks: token.networks.length === 0 ? undefined : networkList(...token.networks) };
  }

  #forget(): void {
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [first] = this.#remembered.keys();
    if (first !== undefined) this.#remembered.delete(first);
  }
}

function refused(tokenId: string, why: string): DroverError {
  return new DroverError("unauthenticated", why, { details: { tokenId } });
}
