/**
 * What libvirt and QEMU say of certificates, and what helps. Of a server's certificate libvirt tells the caller no more than that
 * it was not accepted, and a client that is refused learns nothing at all (virnettlscontext.c, virnetclient.c): their logs say
 * why. QEMU calls an expired one "not trusted" (tlssession.c).
 */
const ADVICE: readonly { readonly said: RegExp; readonly remedy: string }[] = [
  {
    said: /Failed to verify peer's certificate/i,
    remedy:
      "the certificate of the destination's libvirtd (servercert.pem) is for another name than the one dialled, has expired, or " +
      "is signed by an authority that is not in this host's cacert.pem; libvirtd's log on this host says which. Make a new one",
  },
  {
    said: /server verification \(of our certificate or IP address\)|Unable to read TLS confirmation/i,
    remedy:
      "the destination's libvirtd did not accept this host's client certificate (clientcert.pem): there is none, it has expired, " +
      "is signed by an authority that is not in cacert.pem there, or tls_allowed_dn_list leaves it out; its log says which",
  },
  {
    said: /does not match the hostname/i,
    remedy:
      "the certificate of the destination's QEMU (server-cert.pem) is for other names: make one that has this one in its " +
      "subjectAltName",
  },
  { said: /certificate\S* .*has expired/i, remedy: "make a new certificate in place of the one named" },
  {
    said: /hasn't got a known issuer/i,
    remedy: "the two hosts' certificates are of different authorities: give both one (cacert.pem, ca-cert.pem)",
  },
  {
    said: /certificate is not trusted/i,
    remedy:
      "the certificate has expired, or its authority is not the other host's (cacert.pem, ca-cert.pem): make a new one",
  },
  {
    said: /(?:Cannot read|Unable to (?:access|read|load|import)).*(?:certificate|credentials|\.pem)/i,
    remedy: "put the file there, readable by libvirtd and by the user that QEMU runs as",
  },
  {
    said: /No certificate was found|TLS channel/i,
    remedy: notAccepted("did not accept"),
  },
  { said: /TLS|certificate/i, remedy: "compare the certificates of both hosts: names, authority, dates" },
];

/** Who is refused only sees the connection end. */
const LOST = /broken pipe|connection (?:reset|abort)|unexpectedly failed|input\/output error/i;

/**
 * What helps against an error about certificates; undefined where it is about something else.
 *
 * @param encrypted The copy was started with QEMU's TLS.
 */
export function tlsAdvice(said: string, encrypted: boolean): string | undefined {
  const advice = ADVICE.find((one) => one.said.test(said))?.remedy;
  if (advice === undefined && encrypted && LOST.test(said)) return notAccepted("may not have accepted");
  return advice;
}

/** Whoever does not accept the other ends the connection, and libvirt may pass on the word of the one that was left. */
function notAccepted(verb: string): string {
  return (
    `one QEMU ${verb} the other's certificate: the destination's (server-cert.pem) is for another name, or this host's ` +
    "(client-cert.pem) is not there; or one has expired, or its authority is not in the other's ca-cert.pem. The guest's log " +
    "on both hosts (/var/log/libvirt/qemu) says which"
  );
}
