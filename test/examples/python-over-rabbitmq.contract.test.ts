import { describeRpcExamples } from "./rpc-examples-suite.ts";

describeRpcExamples({ language: "Python", driver: "amqp" });
