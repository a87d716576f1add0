import { InvalidArgumentError } from "commander";

/**
 * A name, id or uuid as the command line gives it. Nothing, "." and ".." are no one's: in a URL's path they would
 * address the list of all.
 *
 * @throws {InvalidArgumentError} for those; commander adds which argument it was.
 */
export function parseName(text: string): string {
  const name = text.trim();
  if (name === "" || name === "." || name === "..") {
    throw new InvalidArgumentError('It must be a name, id or uuid, not empty, "." or "..".');
  }
  return text;
}
