import { type Aggregate, aggregatesByHost, type Clock, SERVICE_DOWN_TIME_MS } from "@drover/model";
import type { ListedClaim, PlacementHost, PlacementReading, PlacementStore } from "@drover/store";
import { type HostView, viewHost } from "./host-view.ts";
import { sharedReading } from "./shared-reading.ts";

/** A failed migration counts against its destination for so long, ms. */
const FAILURES_COUNT_MS = 10 * 60_000;
/** So often, ms, everything is read anew: whatever was changed past the store, by hand for instance, is seen then. */
const WHOLE_AGAIN_MS = 10 * 60_000;
/** Which hosts are silent, and how many migrations to each have failed lately, is read again behind an answer when older, ms. */
const ABOUT_AGAIN_MS = 1_000;
/** When it is older than this, ms, the question waits for it. */
const ABOUT_WAITED_FOR_MS = 2_000;

/**
 * The fleet as placement sees it, kept in memory and brought up to date for each question by what has changed since the one
 * before: what an operator has just set counts, and the database reads no more than the changes. Who is silent, and how many
 * migrations have failed lately, is read once a second at the most, and is two seconds old at the most.
 */
export class FleetView {
  readonly #placement: PlacementStore;
  readonly #clock: Clock;
  #cursor: number | undefined;
  #readWholeAtMs = Number.NEGATIVE_INFINITY;
  #readAboutAtMs = Number.NEGATIVE_INFINITY;
  #isReadingBehind = false;
  #known = new Map<string, PlacementHost>();
  #views = new Map<string, HostView>();
  /** In order of name, with the place of each; undefined when a host has come or gone. */
  #order: { readonly views: HostView[]; readonly rowOf: ReadonlyMap<string, number> } | undefined;
  #aggregatesOf: ReadonlyMap<string, readonly Aggregate[]> = new Map();
  #silent: ReadonlyMap<string, Date> = new Map();
  #failures: ReadonlyMap<string, number> = new Map();

  /**
   * All hosts as they are now, in order of name. Questions at once share a reading.
   *
   * @throws {DroverError} `unavailable` while the database is away; what was known before is kept.
   */
  async read(): Promise<readonly HostView[]> {
    const views = await this.#readShared();
    if (this.#clock.monotonicMs() - this.#readAboutAtMs >= ABOUT_AGAIN_MS) void this.#readBehind();
    return views;
  }

  readonly #readShared = sharedReading(() => this.#read());

  constructor(placement: PlacementStore, clock: Clock) {
    this.#placement = placement;
    this.#clock = clock;
  }

  /** A host as it was at the newest reading. */
  host(name: string): HostView | undefined {
    return this.#views.get(name);
  }

  /** All claims at the newest reading. */
  claims(): readonly ListedClaim[] {
    return [...this.#known.values()].flatMap(({ claims }) => claims);
  }

  /** What nobody waits for; where it fails, the next question finds out for itself. */
  async #readBehind(): Promise<void> {
    if (this.#isReadingBehind) return;
    this.#isReadingBehind = true;
    await this.#readShared().catch(() => {});
    this.#isReadingBehind = false;
  }

  async #read(): Promise<readonly HostView[]> {
    const nowMs = this.#clock.now().getTime();
    const startedAtMs = this.#clock.monotonicMs();
    const isWholeDue = startedAtMs - this.#readWholeAtMs >= WHOLE_AGAIN_MS;
    const isAboutDue = this.#isReadingBehind || startedAtMs - this.#readAboutAtMs >= ABOUT_WAITED_FOR_MS;
    const times = {
      silentBefore: new Date(nowMs - SERVICE_DOWN_TIME_MS),
      failedSince: new Date(nowMs - FAILURES_COUNT_MS),
    };
    const reading = await this.#placement.read({
      since: isWholeDue ? undefined : this.#cursor,
      about: isAboutDue ? times : undefined,
    });
    this.#cursor = reading.cursor;
    if (reading.whole) this.#readWholeAtMs = startedAtMs;
    if (reading.about !== undefined) this.#readAboutAtMs = startedAtMs;
    this.#take(reading);
    this.#order ??= inOrder(this.#views);
    // Whoever has an answer keeps it as it is.
    return this.#order.views.slice();
  }

  #take(reading: PlacementReading): void {
    const { whole, hosts, gone, aggregates } = reading;
    const { silent, failures } = reading.about ?? { silent: this.#silent, failures: this.#failures };
    if (whole) {
      this.#known.clear();
      this.#views.clear();
      this.#order = undefined;
    }
    for (const known of hosts) this.#known.set(known.host.facts.host, known);
    for (const name of gone) {
      this.#known.delete(name);
      this.#views.delete(name);
      this.#order = undefined;
    }
    if (aggregates !== undefined) this.#aggregatesOf = aggregatesByHost(aggregates);
    const changed =
      aggregates === undefined
        ? [
            ...hosts.map(({ host }) => host.facts.host),
            ...differences(this.#silent, silent),
            ...differences(this.#failures, failures),
          ]
        : this.#known.keys();
    this.#silent = silent;
    this.#failures = failures;
    for (const name of changed) this.#view(name);
  }

  #view(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    const view = viewHost(known, {
      aggregates: this.#aggregatesOf.get(name) ?? [],
      silentSince: this.#silent.get(name),
      recentFailures: this.#failures.get(name) ?? 0,
    });
    this.#views.set(name, view);
    const row = this.#order?.rowOf.get(name);
    if (this.#order === undefined || row === undefined) this.#order = undefined;
    else this.#order.views[row] = view;
  }
}

function inOrder(views: ReadonlyMap<string, HostView>) {
  const sorted = [...views.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { views: sorted, rowOf: new Map(sorted.map(({ name }, row) => [name, row])) };
}

/** The keys that do not have the same in both. */
function differences<Value extends Date | number>(
  before: ReadonlyMap<string, Value>,
  now: ReadonlyMap<string, Value>,
): readonly string[] {
  if (before === now) return [];
  const keys = new Set([...before.keys(), ...now.keys()]);
  return [...keys].filter((key) => Number(before.get(key)) !== Number(now.get(key)));
}
