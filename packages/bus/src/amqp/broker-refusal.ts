/** AMQP's reply code of an error that the broker closed a channel or a connection with; undefined for any other. */
export function replyCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

/** The broker understood and said no: no permission (403), locked by another (405), wrong flags (406). */
export function isRefusal(error: unknown): boolean {
  return [403, 405, 406].includes(replyCodeOf(error) ?? 0);
}
