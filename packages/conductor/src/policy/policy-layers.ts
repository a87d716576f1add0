import type { RequestedPolicy } from "@drover/contracts";
import type { MigrationPolicy, PolicyLayer } from "@drover/model";
import type { PolicyRules } from "./policy-config.ts";

/** Whom a policy is for. */
export interface PolicySubject {
  readonly sourceHost: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly request: RequestedPolicy;
}

/**
 * The layers that apply to one migration, the least specific first: the default, its source host's, those that the
 * server's metadata match in the order of the file, and the request's own.
 */
export function policyLayers(
  defaults: MigrationPolicy,
  rules: PolicyRules,
  { sourceHost, metadata, request }: PolicySubject,
): readonly PolicyLayer[] {
  const ofHost = Object.hasOwn(rules.hosts, sourceHost) ? rules.hosts[sourceHost] : undefined;
  return [
    { source: "default", values: defaults },
    ...(ofHost === undefined ? [] : [{ source: `host ${sourceHost}`, values: ofHost }]),
    ...rules.metadata
      .filter(({ key, value }) => Object.hasOwn(metadata, key) && metadata[key] === value)
      .map(({ key, value, values }) => ({ source: `server metadata ${key}=${value}`, values })),
    { source: "request", values: request },
  ];
}
