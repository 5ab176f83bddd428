/**
 * Whether a connection URL (or text like `host=... password=...`) holds a password. When in doubt it does: an URL with
 * a password that is not percent-encoded can be read in more than one way.
 */
export function holdsPassword(text: string): boolean {
  const url = text.startsWith('jdbc:') ? text.slice('jdbc:'.length) : text;
  if (/password|passwd/i.test(url)) return true;
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return url.includes('@') && url.replace(/^\w+:\/\//, '').includes(':');
  }
  return parsed.password !== '' || `${parsed.pathname}${parsed.search}${parsed.hash}`.includes('@');
}

/** The database that a URL names, for titles: nothing of a URL that is not plain. */
export function databaseNameIn(text: string): string {
  if (holdsPassword(text)) return 'database';
  try {
    const { hostname, pathname } = new URL(text.startsWith('jdbc:') ? text.slice('jdbc:'.length) : text);
    const name = /^\/([\w-]+)$/.exec(pathname)?.[1];
    return name === undefined ? 'database' : `${name} at ${hostname}`;
  } catch {
    return 'database';
  }
}
