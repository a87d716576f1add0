import { type ConnectionOptions, LibvirtConnection } from "./connection.ts";
import type { MigrationParams } from "./migration-params.ts";
import type { Domain } from "./procedures/shared-structures.ts";
import type { CallOptions } from "./wire/call-options.ts";

/**
 * A libvirtd and the connections to it: one for control (queries, job stats, abort, events) that never carries a call
 * that lasts, and one more for each call that does. libvirtd stops reading a client with five calls outstanding, so
 * a handful of migrations on the control connection would stop aborts and job stats too.
 *
 * Calls that change a domain wait in libvirtd up to 30 s behind that domain's migration (resume, setMetadata,
 * undefine; not suspend, destroy, abort, speed and downtime): then they belong in {@link withBlockingConnection} too.
 */
export class LibvirtHost {
  readonly #uri: string;
  readonly #options: ConnectionOptions;
  readonly #blocking = new Set<LibvirtConnection>();
  /** The control connection. Lost once `control.closed` resolves; open another host then. */
  readonly control: LibvirtConnection;

  private constructor(uri: string, options: ConnectionOptions, control: LibvirtConnection) {
    this.#uri = uri;
    this.#options = options;
    this.control = control;
  }

  /** Opens the control connection; fails as {@link LibvirtConnection.open} does. */
  static async open(uri: string, options: ConnectionOptions = {}): Promise<LibvirtHost> {
    return new LibvirtHost(uri, options, await LibvirtConnection.open(uri, options));
  }

  /** Runs `work` with a connection of its own, closed afterwards. For calls that last: migrations, long jobs. */
  async withBlockingConnection<T>(work: (connection: LibvirtConnection) => Promise<T>): Promise<T> {
    const connection = await LibvirtConnection.open(this.#uri, this.#options);
    this.#blocking.add(connection);
    try {
      return await work(connection);
    } finally {
      this.#blocking.delete(connection);
      await connection.close();
    }
  }

  /** `migration.perform3Params` on a connection of its own; see there for what it promises. */
  migrate(
    dom: Domain,
    destinationUri: string,
    params: MigrationParams,
    flags: number,
    options?: CallOptions,
  ): Promise<void> {
    return this.withBlockingConnection((connection) =>
      connection.migration.perform3Params(dom, destinationUri, params, flags, options),
    );
  }

  /**
   * Closes every connection. Migrations under way go on without us, and their calls reject with `outcome-unknown`.
   * Never rejects.
   */
  async close(): Promise<void> {
    await Promise.all([this.control, ...this.#blocking].map((connection) => connection.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
