/**
 * Text of others (names, libvirt's messages) on one line, without control characters: a guest's name must not be able to
 * move the cursor or recolour the operator's terminal.
 */
export function printable(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
}
