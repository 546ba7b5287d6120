// What the scenarios of the TypeScript clients share. README.md in the parent directory lists the steps.
import assert from 'node:assert/strict';

export { assert };

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

export const url = setting('POSTS_API_URL');
export const key = setting('POSTS_API_KEY');

/** Runs one step of the scenario and prints its name. */
export async function step(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.error(`failed: ${name}`);
    throw error;
  }
  console.log(name);
}
