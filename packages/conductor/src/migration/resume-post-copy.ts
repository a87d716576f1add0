import { liveMigrationResume } from "@drover/contracts";
import { errorChain, isDroverError, type Migration, type PostCopyResume } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf } from "./agent-command.ts";
import type { StepContext } from "./step.ts";

/** Who asks where the policy does. */
const BY_POLICY = "policy";

/** The link needs time to come back: the policy waits so long before each of its tries, ms; the last one stays. */
const PAUSES_MS = [5_000, 15_000, 30_000] as const;

/** A command that has not reached the agent by then is dropped by it, ms. */
const COMMAND_LIFE_MS = 30_000;

/** The next request to resume; its answer is awaited. */
export function resumeAfter(before: PostCopyResume | null, now: Date, requestedBy: string): PostCopyResume {
  return {
    number: (before?.number ?? 0) + 1,
    byPolicy: (before?.byPolicy ?? 0) + (requestedBy === BY_POLICY ? 1 : 0),
    requestedAt: now.toISOString(),
    requestedBy,
    answer: null,
  };
}

/**
 * What is due for a post-copy that both hosts say is broken: send what was asked for and is not answered, let the policy
 * ask, or nothing. The policy asks again only after an answer, `postCopyResumeAttempts` times, and not at once.
 *
 * Worked example: 3 attempts, the last one 20 s ago was the first and failed: "ask" (15 s have passed).
 */
export function dueResume(
  { resume, policy }: Pick<Migration, "resume" | "policy">,
  brokenSinceMs: number,
  nowMs: number,
): "send" | "ask" | "none" {
  if (resume !== null && resume.answer === null) return "send";
  const tried = resume?.byPolicy ?? 0;
  if (tried >= policy.postCopyResumeAttempts) return "none";
  const sinceMs = Math.max(brokenSinceMs, resume === null ? 0 : Date.parse(resume.requestedAt));
  return nowMs - sinceMs >= (PAUSES_MS[Math.min(tried, PAUSES_MS.length - 1)] ?? PAUSES_MS[0]) ? "ask" : "none";
}

/**
 * Does what is due about a broken post-copy: a request is a fact in the record before it is sent, and is sent again until
 * the source's agent answers it.
 *
 * @throws {DroverError} `conflict` when somebody else wrote first.
 */
export async function resumePostCopy(context: StepContext, migration: Migration): Promise<void> {
  const now = context.clock.now();
  const brokenSinceMs = migration.proof === null ? migration.updatedAt.getTime() : Date.parse(migration.proof.at);
  const due = dueResume(migration, brokenSinceMs, now.getTime());
  if (due === "none") return;
  if (due === "ask") {
    const resume = resumeAfter(migration.resume, now, BY_POLICY);
    const message = `try ${resume.byPolicy} of ${migration.policy.postCopyResumeAttempts} that the policy has`;
    await context.store.migrations.update(
      migration.uuid,
      migration,
      { resume },
      { event: "resume requested", message },
    );
    context.signals.changed(migration.uuid);
    return;
  }
  try {
    await context.bus.cast(
      liveMigrationResume,
      {
        ...commandOf(migration),
        notAfterMs: now.getTime() + COMMAND_LIFE_MS,
        number: migration.resume?.number ?? 0,
      },
      { server: migration.sourceHost, context: rpcContextOf(migration) },
    );
  } catch (error) {
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "unavailable")) throw error;
    context.logger.warn(
      { host: migration.sourceHost, problem: errorChain(error) },
      "the source's agent did not get the command to resume; it is sent again",
    );
  }
}
