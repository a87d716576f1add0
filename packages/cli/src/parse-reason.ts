import { InvalidArgumentError } from "commander";

/** Words for everybody to read, of a length that the API takes. */
export function parseReason(text: string): string {
  if (text.length > 0 && text.length <= 255) return text;
  throw new InvalidArgumentError("It must have 1 to 255 characters.");
}
