import { z } from "zod";

/** What text from the environment must be turned into before a field's schema looks at it. */
type FieldKind = "number" | "boolean" | "list" | "text";

/** Looks through defaults, optionals and pipes at what a field finally is. */
function fieldKind(schema: z.core.$ZodType): FieldKind {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable
  ) {
    return fieldKind(schema.def.innerType);
  }
  if (schema instanceof z.ZodPipe) return fieldKind(schema.def.in);
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "boolean";
  return schema instanceof z.ZodArray ? "list" : "text";
}

/** Text from the environment as a value; what does not fit stays text, and the schema says what is wrong with it. */
export function valueFromText(text: string, schema: z.core.$ZodType): unknown {
  switch (fieldKind(schema)) {
    case "number":
      return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    case "boolean":
      return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
    case "list":
      return text.split(",").map((item) => item.trim());
    case "text":
      return text;
  }
}
