import { connectProcedures } from "./connect-procedures.ts";
import { domainLifecycleProcedures } from "./domain-lifecycle-procedures.ts";
import { domainProcedures } from "./domain-procedures.ts";
import { eventProcedures } from "./event-procedures.ts";
import { jobProcedures } from "./job-procedures.ts";
import { migrationProcedures } from "./migration-procedures.ts";
import { nodeProcedures } from "./node-procedures.ts";
import type { Procedure, StreamDirection } from "./procedure.ts";
import { storagePoolProcedures } from "./storage-pool-procedures.ts";
import { storageVolumeProcedures } from "./storage-volume-procedures.ts";

/** Every call we speak, by libvirt's own name. Numbers and layouts as in libvirt 9.0.0, which never renumbers. */
export const procedures = {
  ...connectProcedures,
  ...nodeProcedures,
  ...domainProcedures,
  ...domainLifecycleProcedures,
  ...jobProcedures,
  ...migrationProcedures,
  ...storagePoolProcedures,
  ...storageVolumeProcedures,
  ...eventProcedures,
} as const;

export type ProcedureName = keyof typeof procedures;

export type ArgsOf<Name extends ProcedureName> =
  (typeof procedures)[Name] extends Procedure<infer Args, infer _Ret> ? Args : never;

export type RetOf<Name extends ProcedureName> =
  (typeof procedures)[Name] extends Procedure<infer _Args, infer Ret> ? Ret : never;

/** Those whose reply opens a stream. */
export type StreamProcedureName = {
  [Name in ProcedureName]: (typeof procedures)[Name] extends { readonly stream: StreamDirection } ? Name : never;
}[ProcedureName];

const namesByNumber: ReadonlyMap<number, ProcedureName> = new Map(
  (Object.keys(procedures) as ProcedureName[]).map((name) => [procedures[name].number, name]),
);

/** The name of a procedure number, or undefined if it is not in our tables. */
export function procedureName(number: number): ProcedureName | undefined {
  return namesByNumber.get(number);
}
