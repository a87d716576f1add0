import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";

export interface Failure {
  /** The test file's path. */
  readonly file: string;
  /** The name of the test, or of the suite around whose tests something failed, with those around it. */
  readonly name: string;
  /** Of each error and its causes the stack, and what differed. */
  readonly errors: readonly string[];
}

/**
 * Writes down what failed and why. Vitest's JSON report has neither the failures of `beforeAll` and `afterAll` within a
 * `describe`, nor the difference between what was expected and what came.
 */
export class Failures implements Reporter {
  readonly #outputFile: string;
  readonly #failures: Failure[] = [];

  constructor(outputFile: string) {
    this.#outputFile = outputFile;
  }

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === "failed") this.#add(test.module, test.fullName, test.result().errors ?? []);
  }

  onTestSuiteResult(suite: TestSuite): void {
    if (suite.errors().length > 0) this.#add(suite.module, `around the tests of "${suite.fullName}"`, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    if (module.errors().length > 0) this.#add(module, "the file itself", module.errors());
  }

  onTestRunEnd(): void {
    mkdirSync(dirname(this.#outputFile), { recursive: true });
    writeFileSync(this.#outputFile, JSON.stringify(this.#failures));
  }

  #add({ moduleId }: TestModule, name: string, errors: readonly Told[]): void {
    this.#failures.push({ file: moduleId, name, errors: errors.flatMap(told) });
  }
}

interface Told {
  readonly message: string;
  readonly stack?: string | undefined;
  readonly diff?: unknown;
  readonly cause?: Told | undefined;
}

/** The error's stack within our own code, what differed, and the same of its cause. */
function told({ message, stack = message, diff, cause }: Told): readonly string[] {
  const own = stack.split("\n").filter((line) => !line.includes("/node_modules/"));
  const all = [
    own.join("\n"),
    ...(typeof diff === "string" ? [diff] : []),
    ...(cause === undefined ? [] : told(cause)),
  ];
  return all.map((text) => stripVTControlCharacters(text));
}
