// Extracts the examples from the README.
import { readFile } from 'node:fs/promises';

const source = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...source.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

/** The examples that are files, by the path in their first line. */
export const files = new Map(
  blocks.flatMap(({ code }) => {
    const path = /^(?:---\n)?(?:\/\/|<!--) (\S+\.\w+)(?: -->)?\n/.exec(code)?.[1];
    return path ? [[path, code]] : [];
  }),
);

/** The other TypeScript examples, joined into one program. */
export const program = blocks
  .filter(({ language, code }) => language === 'ts' && ![...files.values()].includes(code))
  .map(({ code }) => code)
  .join('\n');
