import { isNamed, namesOf, readChain, whyNotTrusted } from "./certificate-chain.ts";

/** A server's certificate and a client's, each with the authorities that the other side knows. */
export interface CertificatePair {
  readonly server: {
    readonly host: string;
    /** Path of its certificate, for messages. */
    readonly file: string;
    readonly pem: string;
    readonly authorities: Authorities;
    /** Any of these in the certificate is enough. */
    readonly names: readonly string[];
    /** Ends the sentence "make one that does, or …". */
    readonly orElse: string;
  };
  readonly client: {
    readonly host: string;
    readonly file: string;
    readonly pem: string | null;
    readonly authorities: Authorities;
  };
  /** What makes the server ask no client for a certificate; null when it does not ask now. */
  readonly askNoMore: string | null;
  readonly nowMs: number;
}

interface Authorities {
  readonly file: string;
  readonly pem: string;
}

/** Why the two would refuse each other, a sentence each with the file and the remedy; empty when they would not. */
export function pairProblems(pair: CertificatePair): readonly string[] {
  return [...serverProblems(pair), ...clientProblems(pair)];
}

function serverProblems({ server, client, nowMs }: CertificatePair): readonly string[] {
  const named = `${server.file} of ${server.host}`;
  return judged(named, () => {
    const chain = readChain(server.pem);
    const untrusted = whyNotTrusted(chain, readAuthorities(client.host, client.authorities), nowMs);
    const [certificate] = chain;
    const known = certificate === undefined || server.names.some((name) => isNamed(certificate, name));
    const wanted = server.names.length === 1 ? `not ${server.names[0]}` : `neither ${server.names.join(" nor ")}`;
    return [
      ...(untrusted === null ? [] : [`${named} ${untrusted}; ${client.host} would refuse it: make a new one`]),
      ...(known
        ? []
        : [`${named} is for ${namesOf(certificate)}, and names ${wanted}: make one that does, or ${server.orElse}`]),
    ];
  });
}

function clientProblems({ server, client, askNoMore, nowMs }: CertificatePair): readonly string[] {
  if (askNoMore === null) return [];
  const named = `${client.file} of ${client.host}`;
  const { pem } = client;
  if (pem === null) return [`there is no ${named}, and ${server.host} asks for one: make it, or ${askNoMore}`];
  return judged(named, () => {
    const untrusted = whyNotTrusted(readChain(pem), readAuthorities(server.host, server.authorities), nowMs);
    return untrusted === null ? [] : [`${named} ${untrusted}; ${server.host} would refuse it: make a new one`];
  });
}

function readAuthorities(host: string, { file, pem }: Authorities) {
  try {
    return readChain(pem);
  } catch (cause) {
    throw new Error(`${file} of ${host} cannot be read`, { cause });
  }
}

function judged(named: string, judge: () => readonly string[]): readonly string[] {
  try {
    return judge();
  } catch (error) {
    return [`${named} cannot be judged (${error instanceof Error ? error.message : String(error)}): make a new one`];
  }
}
