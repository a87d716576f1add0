import type { GuestTruth } from "@drover/libvirt-sim";
import { type Migration, type MigrationState, TERMINAL, transitions } from "@drover/model";
import type { RunLedger } from "./run-ledger.ts";

/** What a guest is from the beginning to the end of a run. */
export interface KnownGuest {
  readonly uuid: string;
  readonly name: string;
  /** A person paused it before the run: nobody may set it running. */
  readonly paused: boolean;
}

/** Looks at the hosts after each step, and at each record when it is written, and holds both against the promises. */
export class Invariants {
  readonly #ledger: RunLedger;
  readonly #guests: readonly KnownGuest[];
  readonly #truth: () => readonly GuestTruth[];
  readonly #records = new Map<string, Migration>();
  readonly #shown = new Map<string, string>();

  constructor(ledger: RunLedger, guests: readonly KnownGuest[], truth: () => readonly GuestTruth[]) {
    this.#ledger = ledger;
    this.#guests = guests;
    this.#truth = truth;
  }

  get records(): readonly Migration[] {
    return [...this.#records.values()];
  }

  /** After each step of the clock. */
  checkHosts(): void {
    const truth = this.#truth();
    for (const guest of this.#guests) {
      const here = truth.filter(({ uuid }) => uuid === guest.uuid);
      const where = here.map(describe).join(", ");
      if (this.#shown.get(guest.uuid) !== where) {
        this.#shown.set(guest.uuid, where);
        this.#ledger.moved(guest.name, where);
      }
      if (here.filter(({ running }) => running).length > 1) {
        this.#ledger.violated("a guest runs on one host at most", `${guest.name} is ${where}`);
      }
      if (!here.some(({ active }) => active)) {
        this.#ledger.violated("a guest never vanishes", `${guest.name} is ${where || "nowhere"}`);
      }
      if (guest.paused && here.some(({ running }) => running)) {
        this.#ledger.violated("a guest that a person paused stays paused", `${guest.name} is ${where}`);
      }
    }
  }

  /** At the moment a record is written. */
  checkRecord(migration: Migration): void {
    const { uuid, id, serverName, state, generation, step, reason } = migration;
    const before = this.#records.get(uuid);
    this.#records.set(uuid, migration);
    if (before === undefined || before.state !== state || before.step !== step || before.reason !== reason) {
      const at = step === null ? "" : ` at ${step}`;
      this.#ledger.moved(`record ${id}`, `${serverName}: ${state}${at}${reason === null ? "" : ` (${reason})`}`);
    }
    if (before === undefined) return;
    if (generation <= before.generation) {
      this.#ledger.violated("generations only grow", `record ${id}: ${before.generation} to ${generation}`);
    }
    if (before.state !== state && !follows(before.state, state)) {
      this.#ledger.violated("records move along the table", `record ${id}: ${before.state} to ${state}`);
    }
    if (TERMINAL.has(state) && !TERMINAL.has(before.state)) this.#checkEnd(migration);
  }

  #checkEnd({ id, state, serverUuid, serverName, sourceHost, destinationHost, outputs }: Migration): void {
    // One that never was asked to move may have been asked for by what was known of its host a moment before.
    if (outputs.move === undefined) return;
    const told = state === "completed" ? destinationHost : sourceHost;
    const active = this.#truth().filter((guest) => guest.uuid === serverUuid && guest.active);
    const isThere = active.some(({ host }) => host === told);
    const runsElsewhere = active.some(({ host, running }) => host !== told && running);
    if (isThere && !runsElsewhere) return;
    const where = active.map(describe).join(", ") || "nowhere";
    this.#ledger.violated(
      "a record that ends tells where the guest is",
      `record ${id} is ${state}: ${serverName} should be on ${told} and is ${where}`,
    );
  }
}

export function describe({ host, active, running, reason, persistent, job }: GuestTruth): string {
  const state = !active ? "off" : running ? "running" : `paused(${reason})`;
  return `${state} on ${host}${job === "none" ? "" : ` ${job}`}${persistent ? "" : " transient"}`;
}

/** Arrows that one write may pass by: a report overtakes the one before it, and doubt is settled where it arises. */
const PASSED_BY: ReadonlySet<string> = new Set(["started", "resumed", "lose", "reopen"]);

function follows(from: MigrationState, to: MigrationState): boolean {
  const arrows = (state: MigrationState): readonly (readonly [string, MigrationState])[] =>
    Object.entries(transitions[state]);
  return arrows(from).some(
    ([event, next]) => next === to || (PASSED_BY.has(event) && arrows(next).some(([, last]) => last === to)),
  );
}
