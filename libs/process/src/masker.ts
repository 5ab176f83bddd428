/** What stands in place of a secret. */
export const MASK = '***';

/** Values shorter than this are not masked: they would hide ordinary text everywhere and protect nothing. */
export const SHORTEST_SECRET = 4;

/** Removes registered secrets from text and from JSON values. */
export interface Masker {
  /** Registers one more secret, in all the forms in which a program may print it. */
  add(value: string): void;
  /** The text with every registered form replaced by `***`. */
  mask(text: string): string;
  /** The same value with every string in it masked, keys too. A number that is a secret becomes `***`. */
  maskValue(value: unknown): unknown;
  /** Length of the longest form, in UTF-8 bytes; 0 when nothing is registered. */
  readonly longestBytes: number;
}

/** The part of the base64 text of `value` that does not depend on what stands around it, for one of three offsets. */
function base64Core(value: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), value]).toString('base64');
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + value.length) * 8) / 6));
}

const urlSafe = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_');
const lowerCaseEscapes = (url: string): string => url.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
const jsonEscaped = (value: string): string => JSON.stringify(value).slice(1, -1);
const asciiJson = (json: string): string =>
  json.replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** encodeURIComponent refuses half of a surrogate pair; such a value has no URL form. */
function urlEncoded(value: string): string[] {
  if (!value.isWellFormed()) return [];
  const url = encodeURIComponent(value);
  return [url, lowerCaseEscapes(url), url.replaceAll('%20', '+'), encodeURI(value)];
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);

/** Every form of a secret that tools are known to print. */
function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  const texts = [value, value.trim(), ...lines].filter((text) => text.length >= SHORTEST_SECRET);
  const forms = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    const base64 = [bytes.toString('base64'), ...[0, 1, 2].map((offset) => base64Core(bytes, offset))];
    const json = jsonEscaped(text);
    return [
      text,
      ...base64.flatMap((encoded) => [encoded, urlSafe(encoded)]),
      ...urlEncoded(text),
      json,
      asciiJson(json),
      jsonEscaped(json),
    ];
  });
  return forms.filter((form) => form.length >= SHORTEST_SECRET);
}

/** All places of `form` in `text`, overlapping ones too. */
function* placesOf(form: string, text: string): Generator<[number, number]> {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) yield [at, at + form.length];
}

/** Two secrets may overlap in a text: their places are united first, so that no end of either is left. */
function replacePlaces(text: string, forms: readonly string[]): string {
  const places = forms.flatMap((form) => [...placesOf(form, text)]).toSorted((a, b) => a[0] - b[0]);
  let result = '';
  let done = 0;
  let hiddenTo = -1;
  for (const [from, to] of places) {
    if (from > hiddenTo) {
      result += text.slice(done, from) + MASK;
    }
    hiddenTo = Math.max(hiddenTo, to);
    done = hiddenTo;
  }
  return result + text.slice(done);
}

/**
 * A masker for these secrets. Values shorter than {@link SHORTEST_SECRET} are ignored; a value of several lines is
 * also registered line by line, because output is read by line. Base64, URL-encoded and JSON-escaped forms are masked
 * too; a form that a program makes by itself (a hash, another cipher) is not.
 */
export function createMasker(values: Iterable<string> = []): Masker {
  const forms = new Set<string>();
  let ordered: string[] = [];
  let any: RegExp | undefined;
  let longestBytes = 0;

  const rebuild = (): void => {
    ordered = [...forms].toSorted((a, b) => b.length - a.length);
    longestBytes = ordered.reduce((longest, form) => Math.max(longest, Buffer.byteLength(form)), 0);
    // Most lines hold no secret: one compiled pattern says so in one pass.
    any = ordered.length === 0 ? undefined : new RegExp(ordered.map(literal).join('|'));
  };

  const register = (value: string): void => {
    for (const form of formsOf(value)) forms.add(form);
  };

  const mask = (text: string): string => (any?.test(text) ? replacePlaces(text, ordered) : text);

  const maskValue = (value: unknown): unknown => {
    // Most programs have no secret: a copy of each of their events would be a good part of what events cost.
    if (any === undefined) return value;
    if (typeof value === 'string') return mask(value);
    if (typeof value === 'number' || typeof value === 'bigint') return forms.has(String(value)) ? MASK : value;
    if (Array.isArray(value)) return value.map(maskValue);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [mask(key), maskValue(inner)]));
  };

  for (const value of values) register(value);
  rebuild();
  return {
    add(value) {
      const before = forms.size;
      register(value);
      if (forms.size > before) rebuild();
    },
    mask,
    maskValue,
    get longestBytes() {
      return longestBytes;
    },
  };
}
