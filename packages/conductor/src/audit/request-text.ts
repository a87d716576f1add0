import { redactSecrets } from "@drover/service-kit";

/** More of a request is not kept: a list of a thousand servers is told by its beginning. */
const MAX_CHARACTERS = 4_096;

/** What is said by other columns, or is nobody's business. */
const LEFT_OUT = new Set(["requestedBy", "projectId"]);
const SECRET = /secret|password|token$/i;

/** What was asked, as JSON; secrets by their fields' names, passwords in URLs, and of a field `url` all but the host are `***`. */
export function requestText(request: unknown): string {
  const plain = JSON.stringify(request, (key, value: unknown) => {
    if (LEFT_OUT.has(key)) return undefined;
    if (typeof value !== "string") return value;
    if (key === "url") return originOf(value);
    return SECRET.test(key) ? "***" : value;
  });
  const text = redactSecrets(plain);
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
}

/** Some receivers know a sender by the path or query of their address, so those are as good as a password. */
function originOf(text: string): string {
  if (!URL.canParse(text)) return "***";
  const { protocol, host, pathname, search, hash } = new URL(text);
  return `${protocol}//${host}${pathname === "/" && search === "" && hash === "" ? "" : "/***"}`;
}

/** By which field a request names what it is about, and what that is called; null: as its RPC has it, `revoke_token`. */
const KINDS: readonly (readonly [field: string, kind: string | null])[] = [
  ["id", null],
  ["migrationUuid", "migration"],
  ["serverUuid", "server"],
  ["server", "server"],
  ["group", "server-group"],
  ["aggregate", "aggregate"],
  ["webhook", "webhook"],
  ["token", "token"],
  ["host", "host"],
];

/** `server 6f6e…`, `aggregate ssd`; null where the request names nothing known. */
export function resourceOf(action: string, request: unknown): string | null {
  if (typeof request !== "object" || request === null) return null;
  const fields = new Map<string, unknown>(Object.entries(request));
  for (const [field, kind] of KINDS) {
    const name = nameIn(fields.get(field));
    if (name !== undefined) return `${kind ?? action.split("_").at(-1)} ${name}`;
  }
  return null;
}

/** What is to be made is named within. */
function nameIn(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !("name" in value)) return undefined;
  return typeof value.name === "string" ? value.name : undefined;
}
