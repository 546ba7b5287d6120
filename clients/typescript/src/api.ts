import type { CallOptions, RequestHeaders } from './options.js';
import type { ApiResponse, Transport } from './transport.js';

/** A request of a method of the client. */
export interface Call {
  readonly query?: object;
  /** The headers that the method sets. Undefined headers are not sent. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The JSON body. */
  readonly body?: unknown;
  /** Whether the service can safely execute the request twice. Default: true. */
  readonly isIdempotent?: boolean;
}

/** Builds the requests of the methods from their parameters, and sends them. */
export class Api {
  readonly #baseUrl: string;
  readonly #apiKey: string | undefined;
  readonly #headers: RequestHeaders | undefined;
  readonly #transport: Transport;

  constructor(baseUrl: string, apiKey: string | undefined, headers: RequestHeaders | undefined, transport: Transport) {
    this.#baseUrl = baseUrl;
    this.#apiKey = checkApiKey(apiKey);
    this.#headers = headers;
    this.#transport = transport;
  }

  /**
   * Sends a request. `path` is the path of the URL with its parameters encoded. `T` is the type of the response's body:
   * the client does not check it.
   */
  send<T>(method: string, path: string, options: CallOptions, call: Call = {}): Promise<ApiResponse<T>> {
    const { signal, fetchOptions } = options;
    // Types allow only numbers as ids, but JavaScript callers may pass a parameter of their own URL.
    if (/\/\.{1,2}(\/|$)/.test(path))
      throw new TypeError(`${path} contains an invalid id, which would change the path of the URL`);
    return this.#transport.send<T>({
      method,
      url: this.#baseUrl + path + queryString(call.query),
      headers: this.#buildHeaders(options, call),
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      isIdempotent: call.isIdempotent ?? true,
      signal,
      fetchOptions,
    });
  }

  #buildHeaders(options: CallOptions, call: Call): Headers {
    const headers = new Headers(this.#headers);
    new Headers(options.headers).forEach((value, name) => headers.set(name, value));
    headers.set('Accept', 'application/json');
    if (this.#apiKey && !headers.has('Authorization')) headers.set('Authorization', `Bearer ${this.#apiKey}`);
    if (call.body !== undefined) headers.set('Content-Type', 'application/json');
    for (const [name, value] of Object.entries(call.headers ?? {})) {
      if (value !== undefined) headers.set(name, value);
    }
    return headers;
  }
}

/** The error of `Headers` for an invalid value would contain the key. */
function checkApiKey(apiKey: string | undefined): string | undefined {
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new TypeError(
      'apiKey must be printable ASCII characters without spaces or line breaks, and not empty; ' +
        'omit it to read published posts',
    );
  }
  return apiKey;
}

/** Repeats the parameter for each item of an array. Omits parameters that are undefined or null. */
function queryString(query: object = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) {
      if (value !== undefined && value !== null)
        parameters.append(name, value instanceof Date ? value.toISOString() : String(value));
    }
  }
  const text = String(parameters);
  return text === '' ? '' : `?${text}`;
}
