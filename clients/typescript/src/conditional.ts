import type { ConditionalOptions, ReadOptions } from './client.js';
import { etagOf } from './etag.js';
import { NotModified } from './transport.js';

/** The headers of a read. */
export function ifNoneMatch({ ifNoneMatch }: ConditionalOptions | ReadOptions) {
  return ifNoneMatch === undefined ? {} : { headers: { 'If-None-Match': etagOf(ifNoneMatch) } };
}

/** Returns the result of `read`, or null after a 304 response. */
export async function nullIfNotModified<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NotModified) return null;
    throw error;
  }
}
