import type { MigrateOptions } from "@drover/api-client";
import { COMPRESSIONS, type Compression, RUN_TIME_ACTIONS, type RunTimeAction, whyNoStep } from "@drover/model";
import { type Command, InvalidArgumentError, Option } from "commander";

type Policy = NonNullable<MigrateOptions["policy"]>;
type Step = NonNullable<Policy["schedule"]>[number];

/** The options of `server migrate` that say what this migration has otherwise than its policy. */
export interface PolicyOptions {
  downtimeMs: number;
  bandwidthMibps: number;
  timeoutSPerGib: number;
  timeoutAction: "abort" | "force-complete";
  postCopy: boolean;
  autoConverge: boolean;
  autoConvergeInitial: number;
  autoConvergeIncrement: number;
  parallelConnections: number;
  compression: Compression;
  resumeAttempts: number;
  step: readonly Step[];
}

export function addPolicyOptions(command: Command): Command {
  return command
    .option("--downtime-ms <ms>", "longest standstill at the switch-over", parseWhole)
    .option("--bandwidth-mibps <n>", "upper bound of the copy, MiB/s; 0 leaves it to libvirt", parseWhole)
    .option("--timeout-s-per-gib <s>", "time limit, seconds per GiB of memory; 0 is none", parseWhole)
    .addOption(
      new Option("--timeout-action <action>", "what is done at the limit").choices(["abort", "force-complete"]),
    )
    .option("--post-copy", "permit the switch to post-copy")
    .option("--no-post-copy", "do not permit it")
    .option("--auto-converge", "slow the server's processors so that the copy converges")
    .option("--no-auto-converge", "leave them alone")
    .option("--auto-converge-initial <percent>", "how much they are slowed first", parseWhole)
    .option("--auto-converge-increment <percent>", "what each further slow-down adds", parseWhole)
    .option("--parallel-connections <n>", "send memory over so many sockets (multifd)", parseWhole)
    .addOption(new Option("--compression <method>", "of memory on its way").choices(COMPRESSIONS))
    .option("--resume-attempts <n>", "so often a broken post-copy is resumed without a person", parseWhole)
    .option(
      "--step <step>",
      "a step of the schedule, in order, repeatable: downtime=500@stalled:5, bandwidth=100@after:60, post-copy, pause, abort",
      collectStep,
    );
}

/** The policy of the request; undefined when no option named anything. */
export function policyOf(options: Partial<PolicyOptions>): Policy | undefined {
  const policy: Policy = {
    ...named("downtimeMs", options.downtimeMs),
    ...named("bandwidthMiBps", options.bandwidthMibps),
    ...named("completionTimeoutSPerGiB", options.timeoutSPerGib),
    ...named("timeoutAction", options.timeoutAction),
    ...named("permitPostCopy", options.postCopy),
    ...named("permitAutoConverge", options.autoConverge),
    ...named("autoConvergeInitialPercent", options.autoConvergeInitial),
    ...named("autoConvergeIncrementPercent", options.autoConvergeIncrement),
    ...named("parallelConnections", options.parallelConnections),
    ...named("compression", options.compression),
    ...named("postCopyResumeAttempts", options.resumeAttempts),
    ...(options.step === undefined ? {} : { schedule: [...options.step] }),
  };
  return Object.keys(policy).length === 0 ? undefined : policy;
}

function named<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

function collectStep(text: string, before: readonly Step[] = []): readonly Step[] {
  return [...before, parseStep(text)];
}

/**
 * `ACTION[=VALUE][@CONDITION]`: `downtime=500@stalled:5` allows 500 ms after five passes without headway,
 * `post-copy@after:60` switches after 60 s per GiB, `abort` is due as soon as the step before it is behind.
 *
 * @throws {InvalidArgumentError} with what is wrong, and the form.
 */
export function parseStep(text: string): Step {
  const [, action = "", value, condition, count] =
    /^([a-z-]+)(?:=(\d+))?(?:@(stalled|after):(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  if (action === "") {
    throw new InvalidArgumentError("It must look like downtime=500@stalled:5, post-copy@after:60 or abort.");
  }
  const problem = whyNoStep(action);
  if (problem !== undefined || !isAction(action)) throw new InvalidArgumentError(`${problem}.`);
  if (value !== undefined && action !== "downtime" && action !== "bandwidth") {
    throw new InvalidArgumentError(`${action} takes no value.`);
  }
  if (action === "bandwidth" && value === undefined)
    throw new InvalidArgumentError("bandwidth needs its MiB/s: bandwidth=100.");
  return {
    do: action,
    ...(action === "downtime" && value !== undefined ? { downtimeMs: Number(value) } : {}),
    ...(action === "bandwidth" ? { bandwidthMiBps: Number(value) } : {}),
    ...(condition === "stalled" ? { stalledIterations: Number(count) } : {}),
    ...(condition === "after" ? { afterSPerGiB: Number(count) } : {}),
  };
}

function isAction(text: string): text is RunTimeAction {
  return RUN_TIME_ACTIONS.some((action) => action === text);
}

/** A number without sign or fraction, for commander's options. */
export function parseWhole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
