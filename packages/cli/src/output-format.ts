import { Option } from "commander";
import { stringify } from "yaml";

/** How a command answers: for people, or with the documents of /v1 for programs. */
const OUTPUT_FORMATS = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What commander makes of the options below. */
export interface OutputOptions {
  readonly output?: OutputFormat;
  readonly json?: boolean;
}

/** `--output`, and `--json` for its value that scripts use most. */
export function outputOptions(): readonly Option[] {
  return [
    new Option("-o, --output <format>", "table for people; json, one document per line, or yaml as /v1 gives it")
      .choices(OUTPUT_FORMATS)
      .default("table"),
    new Option("--json", "the same as --output json").implies({ output: "json" }),
  ];
}

/** One document, with its end: a line of JSON, or YAML that another document may follow. */
export function documentText(format: Exclude<OutputFormat, "table">, data: unknown): string {
  return format === "json" ? `${JSON.stringify(data)}\n` : `---\n${stringify(data)}`;
}
