import { DroverError } from "@drover/model";
import type { Call } from "./calls/call.ts";
import type { CallOptions } from "./wire/call-options.ts";

/** remote_auth_type */
const AUTH_NONE = 0;
const AUTH_SASL = 1;
const AUTH_POLKIT = 2;

/**
 * The first thing on every connection: which ways to authenticate libvirtd offers, and the one we use. An offer of
 * "none" (also what TLS gives, where the certificate has spoken) needs nothing; polkit needs one call.
 *
 * @throws {DroverError} `refused` if libvirtd wants SASL, which we do not speak, or something unheard of.
 */
export async function authenticate(call: Call, options: CallOptions): Promise<void> {
  const { types } = await call("authList", {}, options);
  if (types.length === 0 || types.includes(AUTH_NONE)) return;
  if (types.includes(AUTH_POLKIT)) {
    await call("authPolkit", {}, options);
    return;
  }
  if (types.includes(AUTH_SASL)) {
    throw new DroverError(
      "refused",
      "libvirtd asks for SASL, which is not supported; use the unix socket, or TLS with client certificates: " +
        'listen_tls = 1 and auth_tls = "none" in libvirtd.conf, and a qemu+tls:// URI',
      { details: { offered: types } },
    );
  }
  throw new DroverError(
    "refused",
    `libvirtd offers only ways to authenticate that we do not know: ${types.join(", ")}`,
    {
      details: { offered: types },
    },
  );
}
