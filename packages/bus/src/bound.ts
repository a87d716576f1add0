import { DroverError } from "@drover/model";

/** A process with more under way than this is in trouble. */
const MAX_UNDER_WAY = 10_000;

/** How much of one kind is under way in a process, from the moment it waits for a broker: what is over is refused. */
export class Bound {
  readonly #what: string;
  readonly #limit: number;
  #underWay = 0;

  /** @param what Its plural, for the error's words. */
  constructor(what: string, limit = MAX_UNDER_WAY) {
    this.#what = what;
    this.#limit = limit;
  }

  /** Counts `work` until it has ended. @throws {DroverError} `unavailable` at once when too much is under way. */
  async hold<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#underWay >= this.#limit) {
      throw new DroverError("unavailable", `${doing}: ${this.#limit} ${this.#what} are under way already`);
    }
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }
}
