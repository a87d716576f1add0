/** Fields of a log line: ids and measurements beside a fixed sentence. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What code logs through; pino satisfies it as it is. The sentence is fixed text, everything that varies is a field
 * (`migrationId`, `host`, `step`, `err`).
 */
export interface Logger {
  debug(fields: LogFields, sentence: string): void;
  info(fields: LogFields, sentence: string): void;
  warn(fields: LogFields, sentence: string): void;
  error(fields: LogFields, sentence: string): void;
  /** A logger whose every line carries `fields`; composed once per migration or connection. */
  child(fields: LogFields): Logger;
}

/** Discards everything: for libraries used without a process around them. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
