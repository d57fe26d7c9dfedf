// Checks an OpenAPI document: node openapi.mjs FILE. It prints the faults and exits with 1 if there
// are any.
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const result = await validator.validate(process.argv[2]);
console.log(JSON.stringify({ ...result, version: validator.version }));
process.exit(result.valid ? 0 : 1);
