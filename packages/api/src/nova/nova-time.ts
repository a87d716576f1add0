/** `2026-11-22T17:43:41Z`: servers. */
export function secondsTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `2026-11-22T17:44:04.000000`, without a zone: migrations and services. */
export function microsecondsTime(date: Date): string {
  return `${date.toISOString().slice(0, 23)}000`;
}
