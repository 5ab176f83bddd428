/** Octets of one string of a TXT record. */
const MOST_OCTETS = 255;

/** A text as the value of a TXT record: quoted strings of up to 255 octets. */
export function quotedTxt(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const parts = Array.from({ length: Math.max(1, Math.ceil(bytes.length / MOST_OCTETS)) }, (_, index) =>
    bytes.subarray(index * MOST_OCTETS, (index + 1) * MOST_OCTETS),
  );
  return parts.map((part) => `"${[...part].map(escapedOctet).join('')}"`).join(' ');
}

/** The text of such a value. */
export function unquotedTxt(value: string): string {
  const strings = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inner]) => inner ?? '');
  if (strings.length === 0) return value;
  const octets = strings.join('').match(/\\[0-7]{3}|\\.|[^\\]/gs) ?? [];
  return Buffer.concat(octets.map(octetsOf)).toString('utf8');
}

/** Printable characters stand for themselves; all others are written in octal. */
function escapedOctet(octet: number): string {
  const char = String.fromCodePoint(octet);
  if (char === '"' || char === '\\') return `\\${char}`;
  return octet >= 32 && octet < 127 ? char : `\\${octet.toString(8).padStart(3, '0')}`;
}

function octetsOf(written: string): Buffer {
  if (/^\\[0-7]{3}$/.test(written)) return Buffer.from([Number.parseInt(written.slice(1), 8)]);
  return Buffer.from(written.replace(/^\\/, ''), 'utf8');
}
