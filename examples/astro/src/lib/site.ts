export const NAME = 'Daybook';
export const DESCRIPTION = 'Notes from a harbor town: its ferries, benches, bread, and the programs that run them.';

/** The URL of a path on the site, with the origin in the setting `SITE_URL`. */
export const siteUrl = (path: string): URL => new URL(path, import.meta.env.SITE);
