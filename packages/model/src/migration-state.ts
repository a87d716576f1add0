/**
 * The state machine of a live migration, as data. Code asks this table; nothing else encodes it.
 *
 *            queued ──▶ preparing ──▶ running ──▶ post-migrating ──▶ completed
 *              │            │          │   │ ╲            ▲
 *              ▼            ▼          │   │  ▼           │
 *        cancelled/failed ◀─ rolling-back  │ post-copy ───┤
 *                                  ▲       ▼    │  ▲      │
 *                                  └─── unknown │  └─ post-copy-paused
 *                                               ▼
 *                            (any doubt is `lose`, and the reconciler asks both hosts)
 *
 * | state | what is true in it | who moves it on | after a conductor restart |
 * | --- | --- | --- | --- |
 * | `queued` | accepted; waits for a slot on the source or a destination; nothing is held | conductor | waits on |
 * | `preparing` | a destination is claimed and made ready; libvirt has not begun | conductor | the stored step is repeated |
 * | `running` | libvirt copies; the guest runs on the source | agent's report | waits for the report |
 * | `post-copy` | the guest runs on the destination, its memory is on both hosts | agent's report | waits for the report |
 * | `post-copy-paused` | the link broke in post-copy; the guest stands still | agent, reconciler | asks again |
 * | `post-migrating` | the guest runs on the destination; definitions and leftovers are settled | conductor | repeats the step |
 * | `rolling-back` | the guest did not arrive; what was prepared is released | conductor | repeats the step |
 * | `unknown` | contact was lost; the guest may be on either host | reconciler | asks again |
 * | `error` | a person must act; the reason says what is where | person, then the reconciler | asks again |
 * | `completed`, `failed`, `cancelled` | over, with the reason; nothing is held | nobody | stays |
 */
export const transitions = {
  // "lose": the record proves to be older than what the agents know, as after a restore of the database.
  queued: { schedule: "preparing", cancel: "cancelled", fail: "failed", lose: "unknown" },
  // "wait": no destination has a free slot. Only before one is claimed: nothing is held then, and nothing is undone.
  preparing: { wait: "queued", started: "running", fail: "rolling-back", cancel: "rolling-back", lose: "unknown" },
  running: {
    arrive: "post-migrating",
    postCopy: "post-copy",
    aborted: "rolling-back",
    fail: "rolling-back",
    lose: "unknown",
  },
  "post-copy": { arrive: "post-migrating", linkBroken: "post-copy-paused", lose: "unknown" },
  "post-copy-paused": { resumed: "post-copy", giveUp: "error", lose: "unknown" },
  unknown: {
    foundOnDestination: "post-migrating",
    foundOnSource: "rolling-back",
    stillCopying: "running",
    stillPostCopy: "post-copy",
    postCopyBroken: "post-copy-paused",
    foundOff: "rolling-back",
    foundElsewhere: "rolling-back",
    foundNowhere: "error",
    foundOnBoth: "error",
  },
  "post-migrating": { done: "completed", lose: "unknown", stuck: "error" },
  "rolling-back": { undone: "failed", undoneOnRequest: "cancelled", lose: "unknown", stuck: "error" },
  // "reopen": what a person has done shows on the hosts, and the reconciler decides from that.
  error: { reopen: "unknown" },
  completed: {},
  failed: {},
  cancelled: {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type MigrationState = keyof typeof transitions;

/** Every event name that occurs anywhere in the table. */
export type MigrationEvent = { [S in MigrationState]: keyof (typeof transitions)[S] }[MigrationState];

export const MIGRATION_STATES = Object.keys(transitions) as readonly MigrationState[];

export const MIGRATION_EVENTS = [
  ...new Set(MIGRATION_STATES.flatMap((state) => Object.keys(transitions[state]))),
] as readonly MigrationEvent[];

/** The state after `event`, or `undefined` where the table has no such arrow. */
export function nextState(state: MigrationState, event: MigrationEvent): MigrationState | undefined {
  const arrows: Readonly<Record<string, MigrationState>> = transitions[state];
  return arrows[event];
}

function setOf(...states: readonly MigrationState[]): ReadonlySet<MigrationState> {
  return new Set(states);
}

/** Over: nothing is held, nobody writes the record again. */
export const TERMINAL = setOf("completed", "failed", "cancelled");

/** The server counts as migrating; a second migration of it is refused. `error` is in it: its truth is not settled. */
export const IN_PROGRESS = new Set(MIGRATION_STATES.filter((state) => !TERMINAL.has(state)));

/** Both hosts are asked, again and again, until their answers prove what is true. */
export const RECONCILED = setOf("unknown", "post-copy-paused", "error");

/** The destination's memory and inbound slot are claimed. */
export const HOLDS_DESTINATION_CLAIM = setOf(
  "preparing",
  "running",
  "post-copy",
  "post-copy-paused",
  "post-migrating",
  "rolling-back",
  "unknown",
  "error",
);

/** One of the source's outbound slots is taken (`max_concurrent_live_migrations`). */
export const HOLDS_SOURCE_SLOT = setOf("preparing", "running", "post-copy", "post-copy-paused", "unknown");

/** libvirt has been told to copy and nothing has said that it ended: progress is expected. */
export const COPYING = setOf("running", "post-copy", "post-copy-paused");

/** Nova's status word for each state, as the HTTP API shows it. */
export const SHOWN_STATUS: Readonly<Record<MigrationState, string>> = {
  queued: "queued",
  preparing: "preparing",
  running: "running",
  "post-copy": "running (post-copy)",
  "post-copy-paused": "running (post-copy)",
  "post-migrating": "post-migrating",
  "rolling-back": "running",
  unknown: "running",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
  error: "error",
};
