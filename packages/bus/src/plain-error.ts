import type { SerializedError } from "@drover/model";
import { isObject } from "./envelope.ts";

const MAX_MESSAGE_CHARACTERS = 8 * 1024;
/** As JSON. */
const MAX_DETAILS_CHARACTERS = 64 * 1024;

/**
 * An error that a message can always carry: JSON, and far smaller than any broker's bound. A longer message is cut,
 * details that are too large or that JSON cannot hold are left out: they must not cost anybody the error itself.
 */
export function plainError({ code, message, details }: SerializedError): SerializedError {
  return { code, message: shortened(message, MAX_MESSAGE_CHARACTERS), details: plainDetails(details) };
}

/** The beginning of a text that is longer than `maxCharacters`, with a sign that more was there. */
export function shortened(text: string, maxCharacters: number): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters).toWellFormed()}… (shortened)` : text;
}

function plainDetails(details: SerializedError["details"]): SerializedError["details"] {
  try {
    const json = JSON.stringify(details);
    if (json.length > MAX_DETAILS_CHARACTERS) return {};
    const plain: unknown = JSON.parse(json);
    return isObject(plain) ? plain : {};
  } catch {
    return {};
  }
}
