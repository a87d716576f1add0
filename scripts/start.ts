/** `npm start`: builds what has changed and runs the whole control plane in this process, so that signals reach it. */
import { build } from "./build.ts";

await build("building Drover");
await import("../packages/standalone/dist/main.js");
