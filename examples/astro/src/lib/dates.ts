const long = new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' });
const short = new Intl.DateTimeFormat('en-US', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** Formats a time as in `March 4, 2026`. */
export const longDate = (time: string): string => long.format(new Date(time));

/** Formats a time as in `Mar 4`. */
export const shortDate = (time: string): string => short.format(new Date(time));
