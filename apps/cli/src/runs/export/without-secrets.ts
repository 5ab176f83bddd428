import { readFile } from 'node:fs/promises';
import { isSecretRef } from '@switchyard/contracts';
import { createMasker, MASK } from '@switchyard/process';

/** Makes a copy of a value in which nothing secret is left. */
export type Clean = (value: unknown) => unknown;

/** Names under which people keep secrets; a name that ends in `ref` holds the name of one. */
const SECRET_NAME =
  /(?:passw(?:or)?d|passphrase|secret|token|credential|private[-_]?key|api[-_]?key|access[-_]?key|(?:^|_)pass$|pwd$)(?!\w*ref$)/i;

/** The password of a URL, or of text such as `host=x password=y`. */
const IN_TEXT = [
  [/(\b[a-z][\w+.-]*:\/\/[^\s/:@]*):[^\s@/]+@/gi, `$1:${MASK}@`],
  [/\b(password|passwd|pwd)=(?:'[^']*'|"[^"]*"|[^\s&;]+)/gi, `$1=${MASK}`],
] as const;

/**
 * Removes secrets in three ways: the given values, wherever they stand; fields that are named like a secret; passwords
 * in URLs. References to secrets are names, and stay.
 */
export function cleanerFor(secrets: readonly string[]): Clean {
  const masker = createMasker(secrets);
  const clean: Clean = (value) => {
    if (typeof value === 'string') return IN_TEXT.reduce((text, [what, by]) => text.replaceAll(what, by), value);
    if (typeof value !== 'object' || value === null || isSecretRef(value)) return value;
    if (Array.isArray(value)) return value.map(clean);
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, isSecret(name, item) ? MASK : clean(item)]),
    );
  };
  return (value) => masker.maskValue(clean(value));
}

const isSecret = (name: string, value: unknown): boolean =>
  SECRET_NAME.test(name) && (typeof value === 'string' || typeof value === 'number') && value !== '';

/** Variables that hold a secret, or with `_FILE` the path of a file that does. */
const SECRET_VARIABLE = /(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|_KEY|CREDENTIALS?)(?:_\w+)?$/;

/** Shorter values are words that stand in many places, and hide nothing. */
const SHORTEST = 6;

/** The secrets that an environment holds: by the names of its variables, in files that they name, and in URLs. */
export async function secretsOf(env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(env).map(async ([name, value = '']) => {
      const inUrl = [...value.matchAll(/:\/\/[^\s/:@]*:([^\s@/]+)@/g)].map(([, password = '']) => password);
      if (!SECRET_VARIABLE.test(name)) return inUrl;
      // A file that is not there, or not for us to read, has no secret that we could give away.
      const text = name.endsWith('_FILE') ? await readFile(value, 'utf8').catch(() => '') : value;
      // Keys that are being changed stand side by side.
      return [...inUrl, text.trim(), ...text.split(/[\s,]+/)];
    }),
  );
  return [...new Set(found.flat())].filter((secret) => secret.length >= SHORTEST);
}
