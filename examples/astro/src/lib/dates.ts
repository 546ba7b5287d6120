const long = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** 4 March 2026 */
export const longDate = (time: string): string => long.format(new Date(time));

/** 4 Mar */
export const shortDate = (time: string): string => short.format(new Date(time));
