/** Tokens, by which requests over HTTP are let in. Their secrets do not travel: whoever makes one sends its hash. */
import { isIP } from "node:net";
import { defineCall } from "@drover/bus";
import { ROLES } from "@drover/model";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";

const changing = { ...conductorTopic, access: "control-plane", deadlineMs: 10_000 } as const;
const time = z.iso.datetime();
const NAME_WORDS = "must be 1 to 255 letters, digits, dots, dashes, underscores, @";
const name = z.string().regex(/^[A-Za-z0-9._@-]{1,255}$/, NAME_WORDS);

export const tokenId = z
  .string()
  .regex(/^[0-9a-f]{12}$/, "must be the 12 hex digits after `drv_`")
  .meta({ title: "token id" });

/** `192.0.2.0/24`, `fd00::/8`; an address alone is itself. */
const network = z
  .string()
  .refine(isNetwork, "must be a network like 192.0.2.0/24 or fd00::/8, or an address")
  .transform((text) => (text.includes("/") ? text : `${text}/${isIP(text) === 6 ? 128 : 32}`));

/** What an administrator says of a token. */
export const newToken = z
  .strictObject({
    name: name.describe("Who holds it: what records have as who asked."),
    role: z.enum(ROLES).describe("Each may what those before it may."),
    projectId: name.default("admin").describe("Nova's project of what it asks for."),
    networks: z.array(network).max(64).default([]).describe("From where it may be used; none: from everywhere."),
    expiresAt: time.nullable().default(null).describe("Null: it is good until it is revoked."),
  })
  .meta({ id: "NewToken" });

export const tokenView = z
  .object({
    id: z.string().describe("No secret: it names the token, in logs and in the audit too."),
    name: z.string(),
    role: z.enum(ROLES),
    projectId: z.string(),
    networks: z.array(z.string()),
    createdBy: z.string(),
    createdAt: time,
    expiresAt: time.nullable(),
    revokedBy: z.string().nullable(),
    revokedAt: time.nullable(),
  })
  .meta({ id: "Token" });
export type TokenView = z.output<typeof tokenView>;

const requestedBy = z.string().describe("Who asks, for the record.");

export const createToken = defineCall({
  ...changing,
  method: "create_token",
  idempotent: false,
  description: "Records a token, by the hash of its secret.",
  errors: { "bad-request": "It would have expired already." },
  request: z.strictObject({
    id: tokenId,
    secretHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex")
      .describe("SHA-256 of the secret."),
    token: newToken,
    requestedBy,
  }),
  response: z.object({ token: tokenView }),
});

export const revokeToken = defineCall({
  ...changing,
  method: "revoke_token",
  idempotent: true,
  description: "Revokes a token; every API refuses it within seconds. Revoking again changes nothing.",
  errors: { "not-found": "No such token." },
  request: z.strictObject({ id: tokenId, requestedBy }),
  response: z.object({ token: tokenView }),
});

function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes("%")) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}
