import type { ServiceErrorCode } from './generated/codes.gen.js';
import type { FieldError, Problem } from './generated/index.js';

/**
 * The error codes that this version of the client knows: those of the service, and `no_response` and
 * `unexpected_response`, which the client sets.
 */
export type KnownErrorCode = ServiceErrorCode | 'no_response' | 'unexpected_response';

/** An error code. Later versions of the service may return codes that this version of the client does not know. */
export type ErrorCode = KnownErrorCode | (string & {});

/** The method and URL of a request, for error messages. */
export interface RequestLine {
  readonly method: string;
  readonly url: string;
}

interface ErrorFields {
  readonly status: number | null;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[] | undefined;
  readonly requestId?: string | null;
  readonly retryAfter?: number | null;
  readonly cause?: unknown;
}

/**
 * A failed request. There are three kinds:
 *
 * 1. The service returned a problem response (RFC 9457): `code` is the service's error code, such as `slug_taken`.
 * 2. The response did not come from the service, for example from a proxy: `code` is `unexpected_response`.
 * 3. There was no complete response (connection failure or timeout): `code` is `no_response` and `status` is null.
 */
export class PostsApiError extends Error {
  /** The HTTP status code, or null if there was no response. */
  readonly status: number | null;
  /** The stable error code, such as `slug_taken`. Branch on `code`, not on `message` or `detail`. */
  readonly code: ErrorCode;
  /** A human-readable explanation of this occurrence. The wording may change. */
  readonly detail: string;
  /**
   * The invalid fields of the request body: all of them for `validation_failed`, and the conflicting slugs for
   * `slug_taken` of a batch. Undefined for other errors, not an empty array: Astro treats an error whose `errors` is an
   * array as a bundler error and prints only the elements.
   */
  readonly errors: readonly FieldError[] | undefined;
  /** The request ID, which also appears in the service's log. Null if the response contains no ID. */
  readonly requestId: string | null;
  /** The value of the `Retry-After` header in seconds, or null if there is none. */
  readonly retryAfter: number | null;

  constructor({ method, url }: RequestLine, fields: ErrorFields) {
    const fieldErrors = (fields.errors ?? []).map(({ pointer, detail }) => `${pointer || 'request body'} ${detail}`);
    const explanation = [`${fields.code}: ${fields.detail}`, ...fieldErrors].join('; ');
    const status = fields.status === null ? '' : `${fields.status} `;
    super(
      `${method} ${pathOf(url)} failed with ${status}${explanation}`,
      fields.cause === undefined ? undefined : { cause: fields.cause },
    );
    this.name = 'PostsApiError';
    this.status = fields.status;
    this.code = fields.code;
    this.detail = fields.detail;
    this.errors = fields.errors;
    this.requestId = fields.requestId ?? null;
    this.retryAfter = fields.retryAfter ?? null;
  }
}

/** The error for a request without a complete response: connection failure, timeout, or truncated body. */
export function noResponse(request: RequestLine, cause: unknown): PostsApiError {
  return new PostsApiError(request, { status: null, code: 'no_response', detail: failureReason(cause), cause });
}

/** The error for a response that posts-api does not send: a proxy's page, another service, or truncated JSON. */
export function unexpectedResponse(
  request: RequestLine,
  status: number,
  headers: Headers,
  cause?: unknown,
): PostsApiError {
  const type = headers.get('Content-Type') ?? 'no Content-Type';
  return new PostsApiError(request, {
    status,
    code: 'unexpected_response',
    detail: `the response (${type}) did not come from posts-api; check baseUrl`,
    requestId: headers.get('X-Request-Id'),
    retryAfter: retryAfter(headers),
    cause,
  });
}

/** The error for a response with an error status. */
export function errorFromResponse(
  request: RequestLine,
  status: number,
  headers: Headers,
  body: string,
): PostsApiError {
  const problem = parseProblem(body);
  if (!problem) return unexpectedResponse(request, status, headers);
  return new PostsApiError(request, {
    status,
    code: problem.code,
    detail: problem.detail,
    errors: problem.errors,
    requestId: problem.request_id,
    retryAfter: retryAfter(headers),
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

/** `Retry-After` in seconds. The header is a number of seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(headers: Headers): number | null {
  const text = headers.get('Retry-After')?.trim();
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

/** The reason why `fetch` failed. In Node.js, `message` is only "fetch failed", and `cause` contains the reason. */
function failureReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = cause && 'code' in cause ? String(cause.code) : undefined;
  return [error.message, cause?.message || code].filter(Boolean).join(': ');
}

/** The path of a URL without the query, which may be long. */
function pathOf(url: string): string {
  return url.replace(/^[a-z+.-]+:\/\/[^/]*/i, '').replace(/\?.*$/s, '');
}
