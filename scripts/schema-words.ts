/** JSON Schema, as far as our contracts go. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly title?: string;
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

/** A field for a table; one inside an unnamed object has a dotted name. */
export interface Row {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly meaning: string;
}

/** The fields of an object, and those of the unnamed objects in it. */
export function rowsOf(schema: JsonSchema, prefix = ""): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const name = prefix + key;
    const given = property.default === undefined ? "" : `Default: \`${JSON.stringify(property.default)}\`.`;
    const meaning = [meaningOf(property), given].filter((part) => part !== "").join(" ");
    const row = { name, type: typeText(property), required: schema.required?.includes(key) === true, meaning };
    const { inner, path } = unnamed(property, name);
    return inner === undefined ? [row] : [row, ...rowsOf(inner, `${path}.`)];
  });
}

/** A type in words, as Markdown; named types are links. @throws {Error} for what it has no word for. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return link(schema.$ref);
  const [only, ...others] = schema.allOf ?? [];
  if (only !== undefined && others.length === 0) return typeText(only);
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf);
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if ("const" in schema) return `\`${String(schema.const)}\``;
  const { type } = schema;
  if (typeof type === "object") return alternatives(type.map((each) => ({ ...schema, type: each })));
  switch (type) {
    case "null":
      return "null";
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return numberText(type === "integer" ? "whole number" : "number", schema);
    case "string":
      return schema.title ?? (schema.format === "date-time" ? "time" : "text");
    case "array":
      return listText(schema);
    case "object":
      return "object";
    case undefined:
      return "anything";
    default:
      throw new Error(`no word for the type ${JSON.stringify(schema)}; add one to scripts/schema-words.ts`);
  }
}

function meaningOf(schema: JsonSchema): string {
  if (schema.description !== undefined) return schema.description;
  return schema.anyOf?.find(({ description }) => description !== undefined)?.description ?? "";
}

/** The object without a name of its own that a field holds: once, in a list, or nullable. */
function unnamed(schema: JsonSchema, name: string): { readonly inner: JsonSchema | undefined; readonly path: string } {
  if (schema.properties !== undefined) return { inner: schema, path: name };
  if (schema.items !== undefined) return unnamed(schema.items, `${name}[]`);
  const option = schema.anyOf?.find(({ properties, items }) => properties !== undefined || items !== undefined);
  return option === undefined ? { inner: undefined, path: name } : unnamed(option, name);
}

function alternatives(options: readonly JsonSchema[]): string {
  const words = options.map(typeText);
  const values = [...new Set(words.filter((word) => word !== "null"))].join(" or ");
  return words.includes("null") ? `${values}, nullable` : values;
}

function listText({ items = {}, maxItems }: JsonSchema): string {
  const bound = maxItems === undefined ? "" : `, at most ${maxItems}`;
  const of = items.properties === undefined ? typeText(items) : "objects";
  return `list of ${of}${bound}`;
}

function numberText(word: string, { minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (least !== undefined && bounded) return `${word}, ${least} to ${maximum}`;
  return least === undefined || least <= Number.MIN_SAFE_INTEGER ? word : `${word}, at least ${least}`;
}

function link(reference: string): string {
  const name = reference.replace("#/$defs/", "");
  return `[${name}](#${name.toLowerCase()})`;
}
