/** `npm run openapi`: writes `openapi.gen.json`, from which the client is generated. */
import { writeFile } from "node:fs/promises";
import { openapiDocument } from "./openapi-document.ts";

await writeFile(new URL("../openapi.gen.json", import.meta.url), await openapiDocument());
