import type { FieldError, Problem } from './generated/index.js';

/** What a request was, for messages. */
export interface Asked {
  readonly method: string;
  readonly url: string;
}

interface Facts {
  readonly status: number | null;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[] | undefined;
  readonly requestId?: string | null;
  readonly retryAfter?: number | null;
  readonly cause?: unknown;
}

/**
 * A request that did not succeed: the service's problem answer (RFC 9457), an answer that is none of the service's
 * (`code` is `unexpected_answer`), or none at all (`code` is `no_answer`).
 */
export class PostsApiError extends Error {
  /** The HTTP status; null where no answer came. */
  readonly status: number | null;
  /** The error's stable name, as in `slug_taken`: branch on this. */
  readonly code: string;
  /** What was wrong this time, for people. */
  readonly detail: string;
  /**
   * Where in the body it is wrong: all mistakes with `validation_failed`, a batch's taken slugs with `slug_taken`. No empty
   * array in place of `undefined`: Astro takes an error with an array of errors for a failed bundle, and shows those only.
   */
  readonly errors: readonly FieldError[] | undefined;
  /** The request's id in the service's log; null where the answer has none. */
  readonly requestId: string | null;
  /** Seconds after which the service wants to be asked again (`Retry-After`); null where it does not say. */
  readonly retryAfter: number | null;

  constructor({ method, url }: Asked, facts: Facts) {
    const wrong = (facts.errors ?? []).map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`);
    const what = [`${facts.code}: ${facts.detail}`, ...wrong].join('; ');
    const how = facts.status === null ? 'failed with' : `answered ${facts.status}`;
    super(`${method} ${pathOf(url)} ${how} ${what}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'PostsApiError';
    this.status = facts.status;
    this.code = facts.code;
    this.detail = facts.detail;
    this.errors = facts.errors;
    this.requestId = facts.requestId ?? null;
    this.retryAfter = facts.retryAfter ?? null;
  }
}

/** The service could not be reached, or did not answer to the end. */
export function noAnswer(asked: Asked, cause: unknown): PostsApiError {
  return new PostsApiError(asked, { status: null, code: 'no_answer', detail: reason(cause), cause });
}

/** An answer that this service does not give: a proxy's page, another service, JSON that was cut off. */
export function unexpectedAnswer(asked: Asked, response: Response, cause?: unknown): PostsApiError {
  const type = response.headers.get('Content-Type') ?? 'no Content-Type';
  return new PostsApiError(asked, {
    status: response.status,
    code: 'unexpected_answer',
    detail: `the answer (${type}) is not one of posts-api; is baseUrl right?`,
    requestId: response.headers.get('X-Request-Id'),
    retryAfter: retryAfter(response),
    cause,
  });
}

/** The error that an answer with an error status is. */
export function errorAnswer(asked: Asked, response: Response, text: string): PostsApiError {
  const problem = parseProblem(text);
  if (!problem) return unexpectedAnswer(asked, response);
  return new PostsApiError(asked, {
    status: response.status,
    code: problem.code,
    detail: problem.detail,
    errors: problem.errors,
    requestId: problem.request_id,
    retryAfter: retryAfter(response),
  });
}

function parseProblem(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isProblem(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(value: unknown): value is Problem {
  return (
    hasStrings(value, ['code', 'detail', 'request_id']) &&
    (!('errors' in value) ||
      (Array.isArray(value.errors) && value.errors.every((error) => hasStrings(error, ['pointer', 'code', 'detail']))))
  );
}

function hasStrings(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'string')
  );
}

/** `Retry-After` in seconds: a number, or a date (RFC 9110, section 10.2.3). */
function retryAfter(response: Response): number | null {
  const text = response.headers.get('Retry-After')?.trim();
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

/** Why `fetch` failed. Node and browsers say only "fetch failed" and put the reason into the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const deeper = error.cause instanceof Error ? error.cause : undefined;
  const code = deeper && 'code' in deeper ? String(deeper.code) : undefined;
  return [error.message, deeper?.message || code].filter(Boolean).join(': ');
}

/** The query is left out: it may be long. */
function pathOf(url: string): string {
  return url.replace(/^[a-z+.-]+:\/\/[^/]*/i, '').replace(/\?.*$/s, '');
}
