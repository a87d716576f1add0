import type { LogFields, Logger } from "@drover/model";

interface RecordedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly sentence: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines for a test to read. */
export function recordingLogger(): Logger & { readonly lines: readonly RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const loggerWith = (bound: LogFields): Logger => {
    const at = (level: RecordedLine["level"]) => (fields: LogFields, sentence: string) => {
      lines.push({ level, sentence, fields: { ...bound, ...fields } });
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return { ...loggerWith({}), lines };
}
