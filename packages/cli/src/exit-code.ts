import { ApiError, ApiUnreachableError } from "@drover/api-client";
import type { MigrationState } from "@drover/model";

/** What `drover` ends with. Scripts rely on these numbers: they are never given another meaning. */
export const EXIT = {
  /** Done; a watched migration completed. */
  ok: 0,
  /** Anything that has no number of its own. */
  error: 1,
  /** The command line or a value in it is wrong. */
  usage: 2,
  /** No such server, host, migration or parked message. */
  notFound: 3,
  /** Not in this state, not to this host, not with this token, or somebody else was first; a preflight found something that cannot move. */
  refused: 4,
  /** The watched migration failed; the server stays on its source. */
  failed: 5,
  /** The watched migration was cancelled; the server stays on its source. */
  cancelled: 6,
  /** The API cannot be reached, or a part of Drover that it needs is away: try again later. */
  unreachable: 7,
  /** The watched migration is in `error` and waits for a person. */
  needsPerson: 8,
  /** Ctrl-C while watching; the migration goes on. */
  interrupted: 130,
} as const;

/** The part of `drover --help` that scripts are written from. */
export const EXIT_CODE_HELP = `Exit codes:
  0    done; with --watch: the migration completed
  1    any other error
  2    wrong command line or value
  3    no such server, host, migration or parked message
  4    refused: not in this state, to this host or with this token, or somebody else was first; preflight: it cannot move
  5    the watched migration failed; the server stays on its source
  6    the watched migration was cancelled; the server stays on its source
  7    Drover's API, or a part of Drover that it needs, cannot be reached
  8    the watched migration is in error and waits for a person
  130  Ctrl-C while watching; the migration goes on`;

/** An error of the command itself, with the number to end with. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }

  override get name(): string {
    return "CliError";
  }
}

const BY_CODE: Readonly<Record<string, number>> = {
  "bad-request": EXIT.usage,
  "not-found": EXIT.notFound,
  refused: EXIT.refused,
  unauthenticated: EXIT.refused,
  forbidden: EXIT.refused,
  conflict: EXIT.refused,
  "pre-check-failed": EXIT.refused,
  "no-eligible-host": EXIT.refused,
  unavailable: EXIT.unreachable,
  "too-many-requests": EXIT.unreachable,
  "agent-unreachable": EXIT.unreachable,
};

/** The number for any thrown value; what is not ours is 1. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof ApiUnreachableError) return EXIT.unreachable;
  if (error instanceof ApiError) return BY_CODE[error.code] ?? EXIT.error;
  return EXIT.error;
}

/** The number for how a watched migration ended; `undefined` while it is under way. */
export function exitCodeOfState(state: MigrationState): number | undefined {
  switch (state) {
    case "completed":
      return EXIT.ok;
    case "failed":
      return EXIT.failed;
    case "cancelled":
      return EXIT.cancelled;
    case "error":
      return EXIT.needsPerson;
    default:
      return undefined;
  }
}
