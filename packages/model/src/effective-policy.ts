import { defaultPolicy, type MigrationPolicy } from "./policy.ts";

/** Some of a policy's values, and whose they are. */
export interface PolicyLayer {
  /** For people: `default`, `host h1`, `server metadata tier=db`, `request`. */
  readonly source: string;
  readonly values: { readonly [K in keyof MigrationPolicy]?: MigrationPolicy[K] | undefined };
}

/** For each value of a policy, the layer that it came from. */
export type PolicyOrigins = Readonly<Partial<Record<keyof MigrationPolicy, string>>>;

export interface EffectivePolicy {
  readonly policy: MigrationPolicy;
  readonly origins: PolicyOrigins;
}

const FIELDS = Object.keys(defaultPolicy) as readonly (keyof MigrationPolicy)[];

/**
 * The policy that a migration is recorded with, and where each of its values came from. The most specific layer that has
 * a value wins, value by value; a schedule is one value. What no layer has is Drover's own.
 *
 * Worked example: defaults {downtimeMs: 500}, host {bandwidthMiBps: 200}, request {downtimeMs: 100} give 100 ms by the
 * request and 200 MiB/s by the host.
 *
 * @param layers The least specific first.
 */
export function effectivePolicy(layers: readonly PolicyLayer[]): EffectivePolicy {
  const policy: { -readonly [K in keyof MigrationPolicy]: MigrationPolicy[K] } = { ...defaultPolicy };
  const take = <K extends keyof MigrationPolicy>(field: K, { values }: PolicyLayer): boolean => {
    const value: MigrationPolicy[K] | undefined = values[field];
    if (value === undefined) return false;
    policy[field] = value;
    return true;
  };
  const origins: Partial<Record<keyof MigrationPolicy, string>> = {};
  for (const field of FIELDS) {
    origins[field] = "built in";
    for (const layer of layers) if (take(field, layer)) origins[field] = layer.source;
  }
  return { policy, origins };
}

/**
 * A policy that an earlier release wrote, with what it did not know: that is what it did, auto-converge at libvirt's own
 * pace, one connection, no schedule.
 */
export function completePolicy(written: Partial<MigrationPolicy>): MigrationPolicy {
  return { ...defaultPolicy, ...beforeSchedules, ...written };
}

/** What a release that knew no schedules did. */
export const beforeSchedules = {
  autoConvergeInitialPercent: 20,
  autoConvergeIncrementPercent: 10,
  parallelConnections: 1,
  compression: "none",
  postCopyResumeAttempts: 0,
  schedule: [],
} as const satisfies Partial<MigrationPolicy>;
