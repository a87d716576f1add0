import { describeRpcExamples } from "./rpc-examples-suite.ts";

describeRpcExamples({ language: "TypeScript", driver: "nats" });
