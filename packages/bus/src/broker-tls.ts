/** TLS material for a broker's connection, PEM. Without a CA the system's are believed. */
export interface BrokerTls {
  readonly ca?: string;
  /** Our own certificate, where the broker asks for one. */
  readonly cert?: string;
  readonly key?: string;
}
