import type { Client } from "openapi-fetch";
import type { paths } from "./v1.gen.ts";
import type { AuditList, TokenDetail, TokenList, TokenMade, TokenView } from "./views.ts";

export interface NewToken {
  /** Who holds it: what records have as who asked. */
  readonly name: string;
  readonly role: TokenView["role"];
  /** Nova's project of what it asks for. @default "admin" */
  readonly projectId?: string;
  /** From where it may be used, CIDR networks or addresses. @default from everywhere */
  readonly networks?: readonly string[];
  /** ISO 8601. @default null: it is good until it is revoked */
  readonly expiresAt?: string | null;
}

export interface AuditFilter {
  readonly user?: string;
  /** Id of a token. */
  readonly token?: string;
  readonly action?: string;
  /** Kind and name: `host alpha`. */
  readonly resource?: string;
  /** `ok`, or the code of a refusal. */
  readonly outcome?: string;
  readonly requestId?: string;
  /** ISO 8601; from that time on, and up to that time. */
  readonly since?: string;
  readonly before?: string;
  /** Rows at most. @default 1000 */
  readonly limit?: number;
  /** Go on after this entry: the id of the last one of the page before. */
  readonly marker?: number;
}

/** Who may ask, and who has asked: for administrators. */
export interface AccessMethods {
  /** All that were ever given out, the oldest first. */
  tokens(): Promise<TokenList>;
  /** The answer alone has its text. */
  createToken(token: NewToken): Promise<TokenMade>;
  /** It counts for a few seconds more. */
  revokeToken(id: string): Promise<TokenDetail>;
  /** The newest first. */
  audit(filter?: AuditFilter): Promise<AuditList>;
}

/** @param answer takes a result's body, or throws what it means. */
export function accessMethods(
  client: Client<paths>,
  answer: <Data>(result: { readonly data?: Data; readonly error?: unknown; readonly response: Response }) => Data,
): AccessMethods {
  return {
    tokens: async () => answer(await client.GET("/v1/tokens")),
    createToken: async ({ name, role, projectId = "admin", networks = [], expiresAt = null }) =>
      answer(await client.POST("/v1/tokens", { body: { name, role, projectId, networks: [...networks], expiresAt } })),
    revokeToken: async (id) => answer(await client.DELETE("/v1/tokens/{id}", { params: { path: { id } } })),
    audit: async (filter = {}) => answer(await client.GET("/v1/audit", { params: { query: filter } })),
  };
}
