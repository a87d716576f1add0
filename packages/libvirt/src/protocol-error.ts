import { DroverError } from "@drover/model";

/**
 * Bytes we cannot trust: code `protocol`, with where they stood and the limit they broke. Whoever meets one closes the
 * connection; skipping the bad frame would misread every byte after it.
 *
 * @param position Offset in bytes, counted from the first byte of the frame (its length word).
 * @param limit The bound that was broken, in bytes or entries, where one was.
 */
export function protocolError(message: string, position: number, limit?: number): DroverError {
  const where = limit === undefined ? `at byte ${position}` : `at byte ${position}, limit ${limit}`;
  return new DroverError("protocol", `${message} (${where})`, {
    details: limit === undefined ? { position } : { position, limit },
  });
}
