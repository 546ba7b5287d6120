// Copies of the types in `astro/loaders`, with the members that the loaders need. The types are not imported, because
// they do not compile with `skipLibCheck: false`. `test/types/astro` compares the copies with the originals.

/** The `cacheHint` of a live entry or collection. */
export interface CacheHint {
  tags?: string[];
  lastModified?: Date;
}

/** Astro's `LiveDataEntry`. */
export interface LiveEntry<T> {
  id: string;
  data: T;
  rendered?: { html: string };
  cacheHint?: CacheHint;
}

/** Astro's `LiveLoader`. */
export interface PostsLiveLoader<T, E, C, Err extends Error> {
  name: string;
  loadEntry: (context: { filter: E; collection: string }) => Promise<LiveEntry<T> | undefined | { error: Err }>;
  loadCollection: (context: {
    filter?: C;
    collection: string;
  }) => Promise<{ entries: LiveEntry<T>[]; cacheHint?: CacheHint } | { error: Err }>;
}

/** Astro's `RenderedContent`. */
export interface Rendered {
  html: string;
  metadata?: { imagePaths?: string[]; [name: string]: unknown };
}

/** The fields of Astro's `DataEntry` that the loader writes. */
export interface Entry {
  id: string;
  data: Record<string, unknown>;
  body?: string;
  digest?: string;
  rendered?: Rendered;
}

/** The members of Astro's `LoaderContext` that the loader uses. */
export interface LoaderContext {
  collection: string;
  store: {
    keys(): string[];
    has(id: string): boolean;
    get(id: string): { digest?: string | number; data: Record<string, unknown> } | undefined;
    set(entry: Entry): boolean;
    delete(id: string): void;
  };
  meta: { get(key: string): string | undefined; set(key: string, value: string): void };
  logger: { info(message: string): void; warn(message: string): void; error(message: string): void };
  generateDigest(data: string): string;
  parseData<T extends Record<string, unknown>>(entry: { id: string; data: T }): Promise<T>;
  renderMarkdown(markdown: string): Promise<Rendered>;
}
