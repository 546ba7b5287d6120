// The examples of the README.
import { readFile } from 'node:fs/promises';

const source = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...source.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

/** The files that it shows, by the path that each begins with. */
export const files = new Map(
  blocks.flatMap(({ code }) => {
    const path = /^(?:---\n)?\/\/ (src\/\S+)\n/.exec(code)?.[1];
    return path ? [[path, code]] : [];
  }),
);

/** All that is no file, as the one program that a reader makes of it. */
export const program = blocks
  .filter(({ language, code }) => language === 'ts' && ![...files.values()].includes(code))
  .map(({ code }) => code)
  .join('\n');
