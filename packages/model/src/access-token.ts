import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** What a token may do, the least first; each may all that those before it may. */
export const ROLES = ["reader", "operator", "admin"] as const;

/**
 * `reader` looks; `operator` also moves, hurries and calls off, and says what is allowed on hosts; `admin` also gives
 * tokens out and takes them back.
 */
export type Role = (typeof ROLES)[number];

/** Whether `role` may do what needs `least`. */
export function mayAct(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

/** A token as it is kept: by its hash, from which nobody gets it back. */
export interface AccessToken {
  /** 12 hex digits, which are no secret: they name the token in lists, in the audit and in logs. */
  readonly id: string;
  /** Who holds it, and who records say has asked. Several tokens may have one name. */
  readonly name: string;
  readonly role: Role;
  /** Nova's project of what it asks for. */
  readonly projectId: string;
  /** From where it may be used: CIDR networks; empty: from everywhere. */
  readonly networks: readonly string[];
  /** Hex SHA-256 of the secret, which is 32 random bytes: a slow hash would add nothing to them. */
  readonly secretHash: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedAt: Date | null;
}

/** A new token: `text` is for its holder alone, the rest is kept. */
export interface MintedToken {
  readonly id: string;
  readonly secretHash: string;
  /** `drv_<id>_<secret>` */
  readonly text: string;
}

const ID_BYTES = 6;
const SECRET_BYTES = 32;
const TOKEN = /^drv_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

export function mintToken(): MintedToken {
  const id = randomBytes(ID_BYTES).toString("hex");
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { id, secretHash: hashOf(secret).toString("hex"), text: `drv_${id}_${secret}` };
}

/** Whether `text` says of itself that it is a token of Drover's own. */
export function isOwnToken(text: string): boolean {
  return text.startsWith("drv_");
}

/** The parts of `text`, or `undefined` where it has not the form of a token. */
export function parseToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether `secret` is the token's; takes as long for one that is nearly right. */
export function isSecretOf(secret: string, { secretHash }: Pick<AccessToken, "secretHash">): boolean {
  return timingSafeEqual(hashOf(secret), Buffer.from(secretHash, "hex"));
}

/** Whether it counts at `now`: neither revoked nor past its end. */
export function isInForce({ revokedAt, expiresAt }: Pick<AccessToken, "revokedAt" | "expiresAt">, now: Date): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > now);
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
