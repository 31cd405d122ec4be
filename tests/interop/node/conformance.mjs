// The conformance suite of MCP as its command line; on Node 20 with the one function of Node 22 that it imports.
import * as fs from 'node:fs';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';

const suite = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');

if (!fs.globSync) {
  // Only `tier-check` calls it, which asks GitHub about SDKs; nothing that is run here does.
  const stub = "export * from 'node:fs'; export function globSync() { throw new Error('needs Node 22'); }";
  const hooks = `
    export const resolve = (name, context, next) =>
      name === 'fs' && context.parentURL === ${JSON.stringify(pathToFileURL(suite).href)}
        ? { url: 'data:text/javascript,' + ${JSON.stringify(encodeURIComponent(stub))}, shortCircuit: true }
        : next(name, context);`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

await import(pathToFileURL(suite).href);
