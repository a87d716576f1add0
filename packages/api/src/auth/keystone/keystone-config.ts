import { z } from "zod";

const text = z.string().min(1).max(255);
const optional = text.nullable().default(null);
const roles = (names: readonly string[]) =>
  z
    .array(text)
    .max(64)
    .default([...names]);

/** `[keystone_authtoken]`: Nova's section, with Nova's names for what Nova has. */
export const keystoneConfig = z.object({
  auth_url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .nullable()
    .default(null)
    .describe(
      "Keystone's Identity API, version 3. With it Keystone's tokens are taken beside Drover's own. Not set: they are not.",
    ),
  www_authenticate_uri: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .nullable()
    .default(null)
    .describe("Where clients are told to get a token, in the header of a 401; not set: `auth_url`."),
  username: optional.describe(
    "Drover's own user at Keystone, which must be let look at tokens: role `service` or `admin`.",
  ),
  password: optional.describe("That user's password."),
  user_domain_name: text.default("Default").describe("That user's domain."),
  project_name: text.default("service").describe("Project that its own token is for."),
  project_domain_name: text.default("Default").describe("That project's domain."),
  application_credential_id: optional.describe("Id of an application credential, in place of user and password."),
  application_credential_secret: optional.describe("Its secret."),
  cafile: optional.describe(
    "PEM file of the authority that signed Keystone's certificate; not set: those that the system trusts.",
  ),
  http_connect_timeout: z
    .number()
    .positive()
    .max(60)
    .default(5)
    .describe("Keystone is given up after so many seconds without a connection or an answer."),
  token_cache_time: z
    .int()
    .min(0)
    .max(3_600)
    .default(60)
    .describe("Seconds for which a token that Keystone has confirmed is believed: how soon a revocation counts."),
  admin_roles: roles(["admin"]).describe("Keystone's roles that make their holder `admin` here, in whichever project."),
  operator_roles: roles(["drover_operator"]).describe("Those that make `operator`."),
  reader_roles: roles(["drover_reader"]).describe(
    "Those that make `reader`. Whoever has none of them all is answered 403.",
  ),
});

export type KeystoneConfig = z.output<typeof keystoneConfig>;
