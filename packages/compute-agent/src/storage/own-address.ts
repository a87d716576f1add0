/** Names and addresses that mean another machine on every host. */
export function isOwnAddress(address: string): boolean {
  return /^(localhost(\..*)?|127\.\d+\.\d+\.\d+|::1|\/.*|a unix socket)$/i.test(address);
}
