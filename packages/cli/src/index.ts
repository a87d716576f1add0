export { type CliIo, type CliStream, processIo } from "./cli-io.ts";
export { EXIT } from "./exit-code.ts";
export { runCli } from "./run-cli.ts";
