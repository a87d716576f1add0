/** Checks of bodies and queries, refused in the words of Nova's JSON schemas, which scripts are known to match on. */
import type { z } from "zod";
import { NovaFault } from "./nova-fault.ts";

/** @throws {NovaFault} 400 for the first thing that does not fit. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  return parse(schema, body, "field/attribute");
}

/** @throws {NovaFault} 400 for the first thing that does not fit. */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, query: unknown): z.output<Schema> {
  return parse(schema, query, "query parameters");
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new NovaFault(400, issue === undefined ? "Invalid input" : describe(issue, input, what));
}

function describe(issue: z.core.$ZodIssue, input: unknown, what: string): string {
  const value = valueAt(input, issue.path);
  // JSON has no undefined: whatever rule the absent value broke, it is absent.
  const missing = issue.path.length > 0 && value === undefined;
  const path = missing ? issue.path.slice(0, -1) : issue.path;
  const message = missing ? `${pythonRepr(issue.path.at(-1))} is a required property` : messageOf(issue, value);
  const field = path.at(-1);
  if (field === undefined) return message;
  return `Invalid input for ${what} ${String(field)}. Value: ${pythonText(valueAt(input, path))}. ${message}`;
}

function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map(pythonRepr).join(", ");
    return `Additional properties are not allowed (${keys} ${issue.keys.length === 1 ? "was" : "were"} unexpected)`;
  }
  return `${pythonRepr(value)} is not valid: ${issue.message}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

/** As Python's `str`: text bare, everything else as its `repr`. */
function pythonText(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`)
    .join(", ")}}`;
}
