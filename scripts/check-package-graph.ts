/**
 * Holds the package graph: a package depends only on packages in rows above its own, and packages of one row do not know
 * each other. Together with `exports` (no deep imports), `noUndeclaredDependencies` (no import without a dependency) and
 * project references (no cycles) the table below is the architecture.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./build.ts";

const rows: readonly (readonly string[])[] = [
  ["model"],
  ["libvirt"],
  ["bus", "store", "progress", "service-kit", "libvirt-sim"],
  ["contracts"],
  ["fleet"],
  ["scheduler", "conductor", "compute-agent", "api"],
  ["standalone", "api-client"],
  ["cli"],
];
/** Imported by tests only, from any row; imports no package itself. */
const testOnly = "testkit";

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const problems: string[] = [];
for (const path of globSync("packages/*/package.json", { cwd: root })) checkPackage(dirname(path));
for (const problem of problems) console.error(`package graph: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkPackage(folder: string): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const name = ownName(manifest.name) ?? manifest.name;
  if (name !== basename(folder)) problems.push(`${folder} is named ${manifest.name}`);
  const used = ownNames(manifest.dependencies);
  const usedByTests = ownNames(manifest.devDependencies);
  if (name === testOnly) {
    for (const other of [...used, ...usedByTests])
      problems.push(`${testOnly} imports ${other}; it may import none of ours`);
    return;
  }
  const row = rowOf(name);
  if (row === -1) {
    problems.push(`${name} is in no row; add it to scripts/check-package-graph.ts`);
    return;
  }
  for (const other of used) {
    if (rowOf(other) === -1 || rowOf(other) >= row)
      problems.push(`${name} (row ${row}) imports ${other}, which is not in a row above`);
  }
  for (const other of usedByTests) {
    if (other !== testOnly && rowOf(other) >= row)
      problems.push(`tests of ${name} (row ${row}) import ${other}, which is not in a row above`);
  }
  checkReferences(folder, name, [...used, ...usedByTests]);
}

/** Project references are what `tsc -b` builds first: they must say the same as the manifest. */
function checkReferences(folder: string, name: string, wanted: readonly string[]): void {
  const config: { references?: readonly { path: string }[] } = JSON.parse(
    readFileSync(join(root, folder, "tsconfig.json"), "utf8"),
  );
  const referenced = (config.references ?? []).map((reference) => basename(reference.path));
  for (const other of wanted)
    if (!referenced.includes(other)) problems.push(`${name}/tsconfig.json does not reference ${other}`);
  for (const other of referenced)
    if (!wanted.includes(other))
      problems.push(`${name}/tsconfig.json references ${other}, which package.json does not name`);
}

function rowOf(name: string): number {
  return rows.findIndex((row) => row.includes(name));
}

function ownName(dependency: string): string | undefined {
  return dependency.startsWith("@drover/") ? dependency.slice("@drover/".length) : undefined;
}

function ownNames(dependencies: Readonly<Record<string, string>> = {}): readonly string[] {
  return Object.keys(dependencies).flatMap((dependency) => ownName(dependency) ?? []);
}
