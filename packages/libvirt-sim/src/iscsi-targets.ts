/** What a server offers over iSCSI to every host of a fleet: targets, with logical units by their number. */
export class IscsiTargets {
  /** By portal and name; the capacity of each unit, bytes. */
  readonly #targets = new Map<string, readonly number[]>();

  serve({ portal, target }: TargetAddress, capacitiesBytes: readonly number[]): void {
    this.#targets.set(`${portal}/${target}`, capacitiesBytes);
  }

  stop({ portal, target }: TargetAddress): void {
    this.#targets.delete(`${portal}/${target}`);
  }

  /** Undefined where nobody serves it. */
  capacities({ portal, target }: TargetAddress): readonly number[] | undefined {
    return this.#targets.get(`${portal}/${target}`);
  }
}

export interface TargetAddress {
  /** `host:port` */
  readonly portal: string;
  /** Its iSCSI name. */
  readonly target: string;
}
