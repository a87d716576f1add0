import { runCli } from "../run-cli.ts";
import { capturedIo } from "./captured-io.ts";
import { type ApiScript, openScriptedApi } from "./scripted-api.ts";

/** One invocation of `drover` against a scripted API, through DROVER_URL: what it printed, ended with and asked. */
export async function runDrover(script: ApiScript, ...argv: string[]) {
  const api = await openScriptedApi(script);
  try {
    const io = capturedIo({ DROVER_URL: api.url });
    const code = await runCli(argv, io);
    return { code, out: io.out(), err: io.err(), requests: api.requests };
  } finally {
    await api.close();
  }
}
