/**
 * Writes `src/v1.gen.ts`: the types of /v1, in the form that openapi-fetch reads (`paths` and `components`), from the
 * OpenAPI document of `@drover/api`. With `--check` it writes nothing and ends with 1 when the file is not current.
 *
 * Why not openapi-typescript: it builds its output with the compiler API of TypeScript 5, which TypeScript 7 does not
 * have; a second TypeScript would be 40 MiB more in every install and a second `tsc` beside ours. The document comes
 * from our own schemas, so the part of JSON Schema that occurs is small, and anything unknown is refused by name.
 *
 * Usage: node scripts/generate-types.ts [--check] [DOCUMENT]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Json = Readonly<Record<string, unknown>>;

const COMMAND = "npm run generate -w @drover/api-client";
const METHODS = ["get", "put", "post", "patch", "delete"] as const;
/** What narrows values but not types, or is there for readers. */
const IGNORED = new Set(
  `$id $schema id title description default example examples deprecated readOnly writeOnly format pattern minLength maxLength
   minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems uniqueItems propertyNames
   minProperties maxProperties contentEncoding contentMediaType`.split(/\s+/),
);
const UNDERSTOOD = new Set(
  "$ref const enum anyOf oneOf allOf not type nullable properties required additionalProperties items".split(" "),
);

function object(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${where}: not an object`);
  return value as Json;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(" | ") || "never";
}

/** The TypeScript type of a JSON Schema; `where` names the place in the document for a refusal. */
function typeOf(input: unknown, where: string): string {
  if (input === true || input === undefined) return "unknown";
  if (input === false) return "never";
  const schema = object(input, where);
  const unknown = Object.keys(schema).find((key) => !IGNORED.has(key) && !UNDERSTOOD.has(key) && !key.startsWith("x-"));
  if (unknown !== undefined) throw new Error(`${where}: the keyword "${unknown}" is not understood; teach it here`);
  const type = bareTypeOf(schema, where);
  return schema.nullable === true ? union([type, "null"]) : type;
}

function bareTypeOf(schema: Json, where: string): string {
  if (typeof schema.$ref === "string") return `components["schemas"][${JSON.stringify(nameOfRef(schema.$ref))}]`;
  if ("const" in schema) return JSON.stringify(schema.const);
  if ("enum" in schema) return union(list(schema.enum).map((value) => JSON.stringify(value)));
  for (const key of ["anyOf", "oneOf"]) {
    if (key in schema) return union(list(schema[key]).map((part, at) => typeOf(part, `${where}/${key}/${at}`)));
  }
  if ("allOf" in schema) {
    return list(schema.allOf)
      .map((part, at) => `(${typeOf(part, `${where}/allOf/${at}`)})`)
      .join(" & ");
  }
  if ("not" in schema) return "never";
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type }, where)));
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return arrayOf(typeOf(schema.items, `${where}/items`));
    case "object":
      return objectType(schema, where);
    case undefined:
      return "properties" in schema ? objectType(schema, where) : "unknown";
    default:
      throw new Error(`${where}: the type "${String(schema.type)}" is not understood`);
  }
}

function arrayOf(type: string): string {
  return type.includes(" ") ? `(${type})[]` : `${type}[]`;
}

function objectType(schema: Json, where: string): string {
  const required = new Set(list(schema.required));
  const members = Object.entries(object(schema.properties ?? {}, where)).map(
    ([name, property]) =>
      `${docOf(property)}${JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${typeOf(property, `${where}/${name}`)};`,
  );
  const rest = schema.additionalProperties;
  const open = rest !== undefined && rest !== false;
  if (members.length === 0) return open ? `Record<string, ${typeOf(rest, where)}>` : "Record<string, never>";
  const closed = block(members);
  return open ? `${closed} & Record<string, ${typeOf(rest, where)}>` : closed;
}

/** What the document says of a schema or an operation, as a doc comment. */
function docOf(holder: unknown): string {
  const { summary, description } = typeof holder === "object" && holder !== null ? (holder as Json) : {};
  const text = [summary, description].filter((part) => typeof part === "string" && part !== "").join(". ");
  return text === "" ? "" : `/** ${text.replaceAll("*/", "*\\/").replaceAll(/\s*\n\s*/g, " ")} */\n`;
}

function block(members: readonly string[]): string {
  return `{\n${members.map((member) => member.replaceAll(/^/gm, "  ")).join("\n")}\n}`;
}

function nameOfRef(ref: string): string {
  const prefix = "#/components/schemas/";
  if (!ref.startsWith(prefix)) throw new Error(`the reference "${ref}" does not point into ${prefix}`);
  return ref.slice(prefix.length);
}

/** What an answer or a body is made of, by its media type; one without any is JSON that never comes. */
function contentType(holder: unknown, where: string): string {
  const content = object(object(holder, where).content ?? {}, where);
  const [media = "application/json"] = Object.keys(content);
  const form = content[media];
  const type = form === undefined ? "never" : typeOf(object(form, where).schema, where);
  return `{ ${JSON.stringify(media)}: ${type} }`;
}

function operationType(operation: Json, where: string): string {
  const parameters = list(operation.parameters).map((parameter) => object(parameter, where));
  const members = ["path", "query"].flatMap((place) => {
    const here = parameters.filter((parameter) => parameter.in === place);
    if (here.length === 0) return [];
    const types = here.map(
      ({ name, required, schema }) =>
        `${JSON.stringify(name)}${required === true ? "" : "?"}: ${typeOf(schema, `${where}?${String(name)}`)};`,
    );
    return [`${place}${here.some(({ required }) => required === true) ? "" : "?"}: ${block(types)};`];
  });
  const parts = [`parameters: ${members.length === 0 ? "{}" : block(members)};`];
  if (operation.requestBody !== undefined) {
    const optional = object(operation.requestBody, where).required === true ? "" : "?";
    parts.push(`requestBody${optional}: { content: ${contentType(operation.requestBody, where)} };`);
  }
  const responses = Object.entries(object(operation.responses, where)).map(
    ([status, response]) =>
      `${JSON.stringify(/^\d+$/.test(status) ? Number(status) : status)}: { content: ${contentType(response, `${where} ${status}`)} };`,
  );
  parts.push(`responses: ${block(responses)};`);
  return block(parts);
}

/** The schemas that the paths reach, directly or through each other: /v2.1's own stay out. */
function reachable(schemas: Json, from: unknown): readonly string[] {
  const seen = new Set<string>();
  const queue: unknown[] = [from];
  while (queue.length > 0) {
    for (const [, ref] of JSON.stringify(queue.pop()).matchAll(/"\$ref":"([^"]+)"/g)) {
      const name = nameOfRef(ref ?? "");
      if (seen.has(name)) continue;
      seen.add(name);
      queue.push(schemas[name] ?? null);
    }
  }
  return [...seen].sort();
}

function generate(document: Json): string {
  const ours = Object.entries(object(document.paths, "paths")).filter(([path]) => path.startsWith("/v1/"));
  const schemas = object(object(document.components ?? {}, "components").schemas ?? {}, "components/schemas");
  const paths = ours.map(([path, item]) => {
    const operations = METHODS.flatMap((method) => {
      const operation = object(item, path)[method];
      if (operation === undefined) return [];
      return [`${docOf(operation)}${method}: ${operationType(object(operation, path), `${method} ${path}`)};`];
    });
    return `${JSON.stringify(path)}: ${block(operations)};`;
  });
  const parts = reachable(schemas, ours).map(
    (name) => `${docOf(schemas[name])}${JSON.stringify(name)}: ${typeOf(schemas[name], name)};`,
  );
  const named = parts.length === 0 ? "{}" : block([`schemas: ${block(parts)};`]);
  return `// Generated by \`${COMMAND}\` from packages/api/openapi.gen.json; do not edit.\nexport interface paths ${block(paths)}\n\nexport interface components ${named}\n`;
}

const args = process.argv.slice(2).filter((arg) => arg !== "--check");
const documentPath = args[0] ?? fileURLToPath(new URL("../../api/openapi.gen.json", import.meta.url));
const typesPath = fileURLToPath(new URL("../src/v1.gen.ts", import.meta.url));
const types = generate(object(JSON.parse(readFileSync(documentPath, "utf8")), documentPath));
if (process.argv.includes("--check")) {
  if (readFileSync(typesPath, "utf8") !== types) {
    console.error(`src/v1.gen.ts is not what packages/api/openapi.gen.json gives; run: ${COMMAND}`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(typesPath, types);
}
