import { describeRpcExamples } from "./rpc-examples-suite.ts";

describeRpcExamples({ language: "TypeScript", driver: "amqp" });
