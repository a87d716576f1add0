/** This client takes user and password apart from the address. */
export function natsConnectOptions(url: string): { servers: string; user: string; pass: string } {
  const { host, username, password } = new URL(url);
  return { servers: host, user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}
