import { errorChain, type LogFields, type Logger } from "@drover/model";
import type { RunLedger } from "./run-ledger.ts";

/** A process's log as lines of the run's trace. */
export function recordingLogger(process: string, ledger: RunLedger): Logger {
  const write = (fields: LogFields, sentence: string) => ledger.note(process, `${sentence} ${show(fields)}`);
  return { debug: write, info: write, warn: write, error: write, child: () => recordingLogger(process, ledger) };
}

function show(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? errorChain(value) : JSON.stringify(value)}`)
    .join(" ");
}
