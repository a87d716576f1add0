import type { Identity } from "../identity.ts";

/** Who knows tokens of one kind. */
export interface IdentitySource {
  /**
   * Who holds `text`, which came from `remoteAddress`.
   *
   * @throws {DroverError} `unauthenticated` for a token that does not count. Why is told to whoever has its secret alone, with
   *   its id as the detail `tokenId`: without it the token is a guess. `forbidden` for one that gives no role here;
   *   `unavailable` when it must be looked up and cannot be.
   */
  verify(text: string, remoteAddress: string): Promise<Identity>;
  /** Whether it was good when it was last looked up, and has not expired since. */
  remembers(text: string): boolean;
}
