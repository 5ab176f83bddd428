import type { TypedField } from '@switchyard/contracts';
import { usageError } from '../usage-error.js';

/**
 * Reads `name=value` pairs of a repeated option. A value that is JSON is taken as JSON (`replicas=3`, `hosts=["a"]`);
 * everything else is text, so that versions and names need no quotes.
 * @param isText whether a name is known to hold text: then "1.4" is not the number. Quotes around it are taken off still
 */
export function keyValues(
  pairs: readonly string[],
  option: string,
  isText: (name: string) => boolean = () => false,
): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usageError(`${option} "${pair}": write name=value`);
      const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
      return [name, isText(name) && !text.startsWith('"') ? text : jsonOrText(text)];
    }),
  );
}

/** Which of the declared names hold text. A secret is a reference, so it is JSON. */
export function textAmong(declared: Readonly<Record<string, TypedField>>): (name: string) => boolean {
  return (name) => {
    const field = Object.hasOwn(declared, name) ? declared[name] : undefined;
    return field?.type === 'string' && !field.secret;
  };
}

function jsonOrText(text: string): unknown {
  // 1.10 is a version, not the number 1.1: only what JSON prints back the same counts as JSON.
  if (!/^[[{"]|^(?:true|false|null|-?\d+(?:\.\d+)?)$/.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && String(value) !== text ? text : value;
  } catch {
    return text;
  }
}

/** Parses a JSON document given as an option. */
export function jsonOption(text: string, option: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`${option}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
