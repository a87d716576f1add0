import type { TypedParam } from "@drover/libvirt";

/** Lifecycle events as `[event, detail]` (virDomainEventType and the detail type of each, libvirt 9.0). */
export const LIFECYCLE = {
  definedAdded: [0, 0],
  definedUpdated: [0, 1],
  undefinedRemoved: [1, 0],
  startedBooted: [2, 0],
  startedMigrated: [2, 1],
  suspendedPaused: [3, 0],
  suspendedMigrated: [3, 1],
  suspendedPostCopy: [3, 7],
  suspendedPostCopyFailed: [3, 8],
  resumedUnpaused: [4, 0],
  resumedMigrated: [4, 1],
  resumedPostCopy: [4, 3],
  resumedPostCopyFailed: [4, 4],
  stoppedShutdown: [5, 0],
  stoppedDestroyed: [5, 1],
  stoppedMigrated: [5, 3],
  stoppedFailed: [5, 5],
  shutdownGuest: [6, 1],
  shutdownHost: [6, 2],
} as const satisfies Readonly<Record<string, readonly [event: number, detail: number]>>;

export type LifecycleName = keyof typeof LIFECYCLE;

/** A guest as libvirt's protocol names it; `id` is -1 while it does not run. */
export interface DomainRef {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** What a simulated host tells whoever registered for it. */
export type HostEvent =
  | { readonly kind: "lifecycle"; readonly dom: DomainRef; readonly change: LifecycleName }
  | { readonly kind: "migration-iteration"; readonly dom: DomainRef; readonly iteration: number }
  | { readonly kind: "job-completed"; readonly dom: DomainRef; readonly params: readonly TypedParam[] };
