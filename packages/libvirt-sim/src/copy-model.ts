/**
 * QEMU's live copy of a guest's memory as pure functions of time.
 *
 * ```
 *   begin ──▶ pass 1 ──sync──▶ pass 2 ──sync──▶ … ──sync──▶ switch-over ──▶ (guest runs on the destination)
 *                                  │
 *                                  └── post-copy: the guest moves at once, its dirty pages follow
 * ```
 *
 * A pass sends what the bitmap holds. When less is left than the link carries within the downtime limit, QEMU looks at
 * the dirty log ("sync"): what the guest wrote meanwhile joins the rest. If that still fits into the downtime limit the
 * guest is stopped and the rest sent; otherwise another pass begins (`migration_iteration_run`, QEMU 7.2). So the
 * iteration count is the number of syncs: one when the copy begins, one for each pass, one with the guest stopped.
 *
 * Between two syncs everything is linear in time. Nothing ticks: a caller moves the state to *now* when someone asks,
 * and sets one timer for {@link nextSyncMs}.
 */
import {
  DEVICE_MEMORY_MIB,
  distinctDirtyPages,
  type MemoryLoad,
  PAGE_BYTES,
  PAGES_PER_MIB,
  unionOfPages,
} from "./memory-load.ts";

/** A page in the stream: 8 bytes of address and flags, then the page; for a page of zeros, one byte (QEMU 7.2). */
const NORMAL_PAGE_WIRE_BYTES = PAGE_BYTES + 8;
const ZERO_PAGE_WIRE_BYTES = 9;

/** How long QEMU takes to see that a page is all zeros. */
const ZERO_PAGE_MS = 0.0012;

/** QEMU spends its bandwidth in windows of this length (`BUFFER_DELAY`), and so looks at what is left once per window. */
const WINDOW_MS = 100;

/**
 * A window lasts a little longer than QEMU means it to, and is not made up for: measured 102 ms (QEMU 7.2), so a limit of
 * 100 MiB/s carries 98.
 */
const LIMITED_SHARE = WINDOW_MS / 102;

/** Without a limit it looks whenever it has sent for this long (`MAX_WAIT` in `ram_save_iterate`). */
const UNLIMITED_WINDOW_MS = 50;

/** Dirty rate and throttling are worked out at a sync at least this long after the last time (`migration_bitmap_sync`). */
const RATE_PERIOD_MS = 1000;

/** Share of the bytes sent that the guest may dirty before a period counts as too dirty (`throttle-trigger-threshold`). */
const THROTTLE_TRIGGER_SHARE = 0.5;
const THROTTLE_MAX_PERCENT = 99;

/** Device state, stopping and starting: what a standstill lasts beside its bytes, ms. */
const SWITCH_OVER_OVERHEAD_MS = 12;

/** What is true from outside while the copy runs; it may change between any two calls. */
export interface CopyConditions {
  readonly load: MemoryLoad;
  /** False while the guest is suspended: it dirties nothing. */
  readonly running: boolean;
  /** What the copy may send now: the smaller of its share of the link and its limit, bytes per ms. */
  readonly bytesPerMs: number;
  /** What the link alone would carry: the last pages go without the limit. Bytes per ms. */
  readonly linkBytesPerMs: number;
  /** True when the limit (`migrate_set_speed`) is what holds it back. */
  readonly limited: boolean;
  readonly downtimeLimitMs: number;
  /** Set when the migration was started with auto-converge. Percent of the guest's CPU time. */
  readonly autoConverge: { readonly initialPercent: number; readonly incrementPercent: number } | null;
}

/** Where the copy is. Pages may be fractions: they are expectations, rounded where they are shown. */
export interface CopyState {
  readonly phase: "pre-copy" | "switch-over" | "post-copy";
  /** The moment this state describes, on the caller's monotonic clock. */
  readonly atMs: number;
  readonly normalLeft: number;
  readonly zeroLeft: number;
  readonly normalSent: number;
  readonly zeroSent: number;
  /** QEMU's dirty-sync-count. */
  readonly iteration: number;
  readonly passStartedAtMs: number;
  /** Page writes, and time the guest ran, since the last sync. */
  readonly writes: number;
  readonly runningMs: number;
  /** Figures of the current rate period. */
  readonly periodStartedAtMs: number;
  readonly periodDirtyPages: number;
  readonly periodStartBytes: number;
  readonly dirtyPagesPerSecond: number;
  readonly leftAtSync: number;
  readonly tooDirtyPeriods: number;
  readonly throttlePercent: number;
  readonly postCopyRequests: number;
}

/** The first pass at its start: every page of the guest is to be sent, zeros as zeros. */
export function beginCopy(load: MemoryLoad, atMs: number): CopyState {
  const total = (load.memoryMiB + DEVICE_MEMORY_MIB) * PAGES_PER_MIB;
  const normal = Math.min(total, (load.touchedMiB + DEVICE_MEMORY_MIB) * PAGES_PER_MIB);
  return {
    phase: "pre-copy",
    atMs,
    normalLeft: normal,
    zeroLeft: total - normal,
    normalSent: 0,
    zeroSent: 0,
    iteration: 1,
    passStartedAtMs: atMs,
    writes: 0,
    runningMs: 0,
    periodStartedAtMs: atMs,
    periodDirtyPages: 0,
    periodStartBytes: 0,
    dirtyPagesPerSecond: 0,
    leftAtSync: total,
    tooDirtyPeriods: 0,
    throttlePercent: 0,
    postCopyRequests: 0,
  };
}

/** Bytes put on the wire so far. */
export function transferredBytes(state: CopyState): number {
  return state.normalSent * NORMAL_PAGE_WIRE_BYTES + state.zeroSent * ZERO_PAGE_WIRE_BYTES;
}

/** Moves the copy on to `toMs` under conditions that held all the while. Never goes past the end of a pass. */
export function advanceCopy(state: CopyState, conditions: CopyConditions, toMs: number): CopyState {
  const elapsedMs = Math.max(0, toMs - state.atMs);
  if (elapsedMs === 0 || state.phase === "switch-over") return { ...state, atMs: Math.max(state.atMs, toMs) };
  const wholePassMs = sendingMs(state, conditions);
  const share = wholePassMs === 0 ? 1 : Math.min(1, elapsedMs / wholePassMs);
  const normal = state.normalLeft * share;
  const zero = state.zeroLeft * share;
  const dirties = conditions.running && state.phase === "pre-copy";
  const pagesPerMs = (conditions.load.dirtyMiBps * PAGES_PER_MIB * (1 - state.throttlePercent / 100)) / 1000;
  return {
    ...state,
    atMs: toMs,
    normalLeft: state.normalLeft - normal,
    zeroLeft: state.zeroLeft - zero,
    normalSent: state.normalSent + normal,
    zeroSent: state.zeroSent + zero,
    writes: state.writes + (dirties ? pagesPerMs * elapsedMs : 0),
    runningMs: state.runningMs + (dirties ? elapsedMs : 0),
    postCopyRequests: state.postCopyRequests + (state.phase === "post-copy" ? normal * POST_COPY_FAULT_SHARE : 0),
  };
}

/** Share of the pages that a moved guest asks for before the background copy has sent them. */
const POST_COPY_FAULT_SHARE = 0.05;

/**
 * When QEMU next looks at the dirty log if nothing changes; in post-copy, when the last page has arrived. Infinity while
 * the link carries nothing.
 */
export function nextSyncMs(state: CopyState, conditions: CopyConditions): number {
  const wholePassMs = sendingMs(state, conditions);
  if (!Number.isFinite(wholePassMs)) return Number.POSITIVE_INFINITY;
  if (state.phase === "post-copy") return state.atMs + wholePassMs;
  const left = state.normalLeft + state.zeroLeft;
  const share = left === 0 ? 0 : Math.max(0, 1 - thresholdPages(conditions) / left);
  const windowMs = conditions.limited ? WINDOW_MS : UNLIMITED_WINDOW_MS;
  const windows = (state.atMs + wholePassMs * share - state.passStartedAtMs) / windowMs;
  return state.passStartedAtMs + Math.max(1, Math.ceil(windows - 1e-6)) * windowMs;
}

/**
 * QEMU's look at the dirty log at the end of a pass: the next pass, or `switch-over` when the rest fits into the downtime
 * limit. The guest is then stopped; {@link standstillMs} says for how long.
 */
export function syncCopy(state: CopyState, conditions: CopyConditions): CopyState {
  const synced = readDirtyLog(state, conditions);
  if (synced.normalLeft + synced.zeroLeft > thresholdPages(conditions)) return synced;
  return { ...synced, phase: "switch-over" };
}

/**
 * The last look at the dirty log, with the guest stopped: what it finds is sent during the standstill, or in post-copy,
 * which can begin in the middle of any pass, follows the guest.
 */
export function lastSync(state: CopyState, conditions: CopyConditions, phase: "switch-over" | "post-copy"): CopyState {
  return { ...readDirtyLog(state, conditions), phase };
}

/** How long the guest stands still when the rest of a copy that decided for `switch-over` is sent, ms. */
export function standstillMs(state: CopyState, conditions: CopyConditions): number {
  if (state.phase === "post-copy") return SWITCH_OVER_OVERHEAD_MS;
  const bytes = state.normalLeft * NORMAL_PAGE_WIRE_BYTES + state.zeroLeft * ZERO_PAGE_WIRE_BYTES;
  return SWITCH_OVER_OVERHEAD_MS + bytes / conditions.linkBytesPerMs;
}

/** The copy after everything left has been sent with the guest stopped. */
export function finishCopy(state: CopyState, atMs: number): CopyState {
  return {
    ...state,
    atMs,
    normalSent: state.normalSent + state.normalLeft,
    zeroSent: state.zeroSent + state.zeroLeft,
    normalLeft: 0,
    zeroLeft: 0,
  };
}

/** QEMU's own guess of the standstill, ms: what was left at the last sync, at the bandwidth it sees. */
export function expectedDowntimeMs(state: CopyState, conditions: CopyConditions): number {
  if (state.dirtyPagesPerSecond === 0 || conditions.bytesPerMs === 0) return conditions.downtimeLimitMs;
  return (state.leftAtSync * PAGE_BYTES) / conditions.bytesPerMs;
}

function thresholdPages(conditions: CopyConditions): number {
  return (conditions.bytesPerMs * conditions.downtimeLimitMs) / PAGE_BYTES;
}

function sendingMs(state: CopyState, conditions: CopyConditions): number {
  if (state.normalLeft + state.zeroLeft === 0) return 0;
  if (conditions.bytesPerMs <= 0) return Number.POSITIVE_INFINITY;
  const bytesPerMs = conditions.bytesPerMs * (conditions.limited ? LIMITED_SHARE : 1);
  return (state.normalLeft * NORMAL_PAGE_WIRE_BYTES) / bytesPerMs + state.zeroLeft * ZERO_PAGE_MS;
}

function readDirtyLog(state: CopyState, conditions: CopyConditions): CopyState {
  const dirtied = distinctDirtyPages(conditions.load, state.writes, state.runningMs);
  const population = Math.max(1, conditions.load.touchedMiB * PAGES_PER_MIB);
  const normalLeft = dirtied === 0 ? state.normalLeft : unionOfPages(population, state.normalLeft, dirtied);
  const fresh = normalLeft - state.normalLeft;
  const synced = {
    ...state,
    normalLeft,
    iteration: state.iteration + 1,
    passStartedAtMs: state.atMs,
    writes: 0,
    runningMs: 0,
    periodDirtyPages: state.periodDirtyPages + fresh,
    leftAtSync: normalLeft + state.zeroLeft,
  };
  const periodMs = state.atMs - state.periodStartedAtMs;
  return periodMs > RATE_PERIOD_MS ? closePeriod(synced, conditions, periodMs) : synced;
}

/** Works out the dirty rate, and with auto-converge whether the guest must be slowed: two periods too dirty, and it is. */
function closePeriod(state: CopyState, conditions: CopyConditions, periodMs: number): CopyState {
  const sent = transferredBytes(state);
  const tooDirty =
    state.periodDirtyPages * PAGE_BYTES > (sent - state.periodStartBytes) * THROTTLE_TRIGGER_SHARE &&
    conditions.autoConverge !== null;
  const periods = state.tooDirtyPeriods + (tooDirty ? 1 : 0);
  const slowDown = periods >= 2;
  return {
    ...state,
    dirtyPagesPerSecond: (state.periodDirtyPages * 1000) / periodMs,
    periodStartedAtMs: state.atMs,
    periodDirtyPages: 0,
    periodStartBytes: sent,
    tooDirtyPeriods: slowDown ? 0 : periods,
    throttlePercent: slowDown ? nextThrottle(state.throttlePercent, conditions) : state.throttlePercent,
  };
}

function nextThrottle(percent: number, conditions: CopyConditions): number {
  if (conditions.autoConverge === null) return percent;
  const { initialPercent, incrementPercent } = conditions.autoConverge;
  return Math.min(THROTTLE_MAX_PERCENT, percent === 0 ? initialPercent : percent + incrementPercent);
}
