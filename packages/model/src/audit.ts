/** Who asked for what, from where, and what came of it. */
export interface AuditEntry {
  /** Grows with time; a page begins after one. */
  readonly id: number;
  readonly at: Date;
  /** Who, as the request said it: believe it as far as `sender` is to be believed. Null where nobody could be told. */
  readonly userId: string | null;
  readonly projectId: string | null;
  /** Of the token, where it came over HTTP. */
  readonly role: string | null;
  readonly tokenId: string | null;
  /** The address that it came from over HTTP. */
  readonly remoteAddress: string | null;
  /** The broker's word for who sent it over the bus; null where it vouches for nobody. */
  readonly sender: string | null;
  /** The RPC, or method and route of what the API answered by itself: `live_migrate_instance`, `GET /v1/tokens`. */
  readonly action: string;
  /** What it was about, kind and name: `server 6f6e…`, `host alpha`. */
  readonly resource: string | null;
  /** What was asked, as JSON without secrets. */
  readonly request: string | null;
  /** `ok`, or the code of the refusal; null where the conductor ended before it was known. */
  readonly outcome: string | null;
  /** Of the refusal. */
  readonly message: string | null;
  /** HTTP status, of what the API answered by itself. */
  readonly httpStatus: number | null;
  readonly requestId: string;
  /** How many like it are counted here: more than one only of refused guesses at tokens. */
  readonly times: number;
}
