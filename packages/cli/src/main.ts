import { processIo } from "./cli-io.ts";
import { runCli } from "./run-cli.ts";

// `drover … | head` closes the pipe early: that is the reader's wish, not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// Not process.exit: output to a pipe is written asynchronously and would be cut.
process.exitCode = await runCli(process.argv.slice(2), processIo);
