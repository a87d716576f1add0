import { readFileSync } from "node:fs";
import { DroverError } from "@drover/model";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { KNOWN_SECTIONS } from "./common-sections.ts";
import { defaultDataDir } from "./data-dir.ts";
import { nearestName } from "./nearest-name.ts";
import { redactSecrets } from "./redact.ts";
import { valueFromText } from "./value-from-text.ts";

/** The sections that a process reads, by name: `{ api: apiConfig }` is `[api]` in the file. */
export type ConfigSections = Readonly<Record<string, z.ZodObject>>;

/** What {@link loadConfig} gives: each section's checked values under its name, and the top-level keys. */
export type Config<Sections extends ConfigSections> = {
  readonly [Name in keyof Sections]: z.output<Sections[Name]>;
} & {
  /** Folder for everything that outlives the process on this machine. */
  readonly data_dir: string;
};

export interface LoadConfigOptions {
  /** Path of the TOML file; without it there is none. */
  readonly file?: string | undefined;
  /** Variables that go over the file: `DROVER_<SECTION>_<KEY>`. Empty ones count as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Table = Record<string, unknown>;

/** One section on its way from text to values. `origins` names where a key was set, for messages. */
interface RawSection {
  readonly values: Table;
  readonly origins: Map<string, string>;
}

/**
 * Reads the configuration: the file, the environment over it, then defaults. Sections of other services are accepted
 * and not looked at.
 *
 * @throws {DroverError} `bad-request` with every problem at once, each naming its key; passwords in URLs are hidden.
 */
export function loadConfig<const Sections extends ConfigSections>(
  sections: Sections,
  options: LoadConfigOptions,
): Config<Sections> {
  const file = options.file === undefined || options.file === "" ? {} : readToml(options.file);
  const problems: string[] = [];
  const raw = new Map(Object.keys(sections).map((name) => [name, sectionOfFile(name, file, problems)]));
  refuseUnknownSections(file, Object.keys(sections), problems);
  applyEnvironment(sections, raw, options.env, problems);

  const config: Table = { data_dir: dataDir(file, options.env, problems) };
  for (const [name, schema] of Object.entries(sections)) {
    config[name] = checkSection(name, schema, raw.get(name) ?? emptySection(), problems);
  }
  if (problems.length > 0) {
    const shown = problems.map(redactSecrets);
    throw new DroverError("bad-request", `reading the configuration: ${shown.join("; ")}`, {
      details: { problems: shown },
    });
  }
  // Every section's value was just made by its own schema.
  return config as Config<Sections>;
}

function readToml(path: string): Table {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    // TomlError's own text quotes the line, and the line may hold a password.
    const where = error instanceof TomlError ? ` line ${error.line}, column ${error.column}` : "";
    const what = error instanceof TomlError ? "is not valid TOML" : `cannot be read (${codeOf(error)})`;
    throw new DroverError("bad-request", `reading the configuration: ${path}${where} ${what}; see DROVER_CONFIG`, {
      details: { path },
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

function emptySection(): RawSection {
  return { values: {}, origins: new Map() };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function sectionOfFile(name: string, file: Table, problems: string[]): RawSection {
  const table = file[name];
  if (table === undefined) return emptySection();
  if (isTable(table)) return { values: { ...table }, origins: new Map() };
  problems.push(`${name}: must be a section, [${name}]`);
  return emptySection();
}

function refuseUnknownSections(file: Table, own: readonly string[], problems: string[]): void {
  const known = [...new Set(["data_dir", ...own, ...KNOWN_SECTIONS])];
  for (const name of Object.keys(file)) {
    if (known.includes(name)) continue;
    problems.push(unknownName(isTable(file[name]) ? `[${name}]` : name, nearestName(name, known)));
  }
}

function unknownName(shown: string, nearest: string | undefined): string {
  return `${shown} is not known${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

function applyEnvironment(
  sections: ConfigSections,
  raw: ReadonlyMap<string, RawSection>,
  env: LoadConfigOptions["env"],
  problems: string[],
): void {
  const known = [...new Set([...Object.keys(sections), ...KNOWN_SECTIONS])];
  for (const [variable, text] of Object.entries(env)) {
    if (variable === "DROVER_DATA_DIR" || text === undefined || text === "") continue;
    const [name, key] = sectionAndKey(variable, known) ?? [];
    if (name === undefined || key === undefined) continue;
    const schema = sections[name];
    const section = raw.get(name);
    if (schema === undefined || section === undefined) {
      // Other tools of Drover use the prefix too (DROVER_TEST_TIERS): only what looks like a slip is refused.
      const slip = known.includes(name) ? undefined : nearestName(name, known, 1);
      if (slip !== undefined) problems.push(`${variable} is not known; did you mean DROVER_${slip.toUpperCase()}_…?`);
      continue;
    }
    const field = schema.shape[key];
    section.values[key] = field === undefined ? text : valueFromText(text, field);
    section.origins.set(key, variable);
  }
}

/** Names of sections may have an underscore (`keystone_authtoken`): the longest one that is known counts. */
function sectionAndKey(variable: string, known: readonly string[]): readonly [string, string] | undefined {
  const [, rest] = /^DROVER_([A-Z0-9_]+)$/.exec(variable) ?? [];
  if (rest === undefined) return undefined;
  const words = rest.toLowerCase();
  const [section] = known.filter((name) => words.startsWith(`${name}_`)).sort((a, b) => b.length - a.length);
  const end = section?.length ?? words.indexOf("_");
  return end <= 0 || end === words.length - 1 ? undefined : [words.slice(0, end), words.slice(end + 1)];
}

function dataDir(file: Table, env: LoadConfigOptions["env"], problems: string[]): string {
  const chosen = env.DROVER_DATA_DIR || file.data_dir;
  if (chosen === undefined) return defaultDataDir(env);
  if (typeof chosen === "string" && chosen !== "") return chosen;
  problems.push("data_dir: must be the path of a folder");
  return "";
}

function checkSection(name: string, schema: z.ZodObject, raw: RawSection, problems: string[]): unknown {
  const known = Object.keys(schema.shape);
  const shown = (key: string): string => raw.origins.get(key) ?? `[${name}] ${key}`;
  for (const key of Object.keys(raw.values)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    const variable = raw.origins.has(key);
    const meant = nearest === undefined || !variable ? nearest : `DROVER_${name}_${nearest}`.toUpperCase();
    problems.push(unknownName(shown(key), meant));
  }
  const result = schema.safeParse(raw.values);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const key = String(issue.path[0] ?? "");
    const description = schema.shape[key]?.description;
    const about = description === undefined ? "" : ` (${description})`;
    problems.push(`${key === "" ? `[${name}]` : shown(key)}: ${issue.message}${about}`);
  }
  return undefined;
}
