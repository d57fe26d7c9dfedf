// Reads an AsyncAPI document with the reference parser and prints, as JSON, what the parser says of it and which channels it sees.
// Usage: node check.mjs FILE
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const path = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(path, 'utf8'), { source: path });
const channels = (document?.channels().all() ?? []).map((channel) => ({
  address: channel.address(),
  partitions: channel.bindings().get('kafka')?.value().partitions,
  messages: channel.messages().all().map((message) => ({
    name: message.name(),
    contentType: message.contentType(),
    properties: Object.keys(message.payload()?.properties() ?? {}).length,
  })),
}));
console.log(JSON.stringify({
  diagnostics: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join('.') })),
  channels,
}));
