/** The password of a URL: everything between the user's colon and the last `@` before the path. */
const urlPassword = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"']*):[^\s/?#"']*@/gi;

/** `text` with the passwords of all URLs in it replaced by `***`. */
export function redactSecrets(text: string): string {
  return text.replace(urlPassword, "$1:***@");
}
