import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "@drover/model";
import type { CliIo, CliStream } from "../cli-io.ts";
import { SAMPLE_NOW } from "./sample-views.ts";

export interface CapturedIo extends CliIo {
  out(): string;
  err(): string;
  /** Secrets that were asked for. */
  readonly asked: readonly string[];
  /** Presses Ctrl-C; false when nobody listens. */
  interrupt(): boolean;
}

/** The outside of a command, kept in memory; its clock moves only when somebody sleeps, and then at once. */
export function capturedIo(env: CliIo["env"] = {}, terminal?: { readonly columns: number }, secret = ""): CapturedIo {
  const asked: string[] = [];
  const out = captured(terminal);
  const err = captured();
  const listeners = new Set<() => void>();
  return {
    stdout: out.stream,
    stderr: err.stream,
    env,
    clock: skippingClock(),
    readSecret: async (question) => {
      asked.push(question);
      return secret;
    },
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    asked,
    out: out.text,
    err: err.text,
    interrupt: () => {
      for (const listener of listeners) listener();
      return listeners.size > 0;
    },
  };
}

function captured(terminal?: { readonly columns: number }): { stream: CliStream; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  const dressed = terminal === undefined ? stream : Object.assign(stream, { isTTY: true, columns: terminal.columns });
  return { stream: dressed, text: () => chunks.join("") };
}

/** Time that passes only by sleeping. */
function skippingClock(): Clock {
  let passedMs = 0;
  return {
    now: () => new Date(SAMPLE_NOW.getTime() + passedMs),
    monotonicMs: () => passedMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      passedMs += ms;
      await turn();
      signal?.throwIfAborted();
    },
  };
}
