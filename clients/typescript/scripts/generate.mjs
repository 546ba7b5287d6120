// Generates the types of the OpenAPI document: `npm run generate`. `-- DIRECTORY` writes to that directory instead of
// src/generated.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const directory = process.argv[2] ?? 'src/generated';
const generator = 'node_modules/@hey-api/openapi-ts/bin/run.js';
execFileSync(process.execPath, [generator, '-f', 'openapi-ts.config.mjs', '-o', directory], { stdio: 'inherit' });

// The generator ignores `x-extensible-enum`: to it, `code` is any string.
const document = JSON.parse(await readFile('../../openapi/openapi.json', 'utf8'));
const codes = document.components.schemas.Problem.properties.code['x-extensible-enum'];
const union = codes.map((code) => `\n  | '${code}'`).join('');
await writeFile(
  `${directory}/codes.gen.ts`,
  `// Generated from the OpenAPI document by scripts/generate.mjs. Do not edit.

/** The error codes of the service. */
export type ServiceErrorCode =${union};
`,
);
