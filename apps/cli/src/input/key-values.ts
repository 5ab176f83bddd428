import { usageError } from '../usage-error.js';

/**
 * Reads `name=value` pairs of a repeated option. A value that is JSON is taken as JSON (`replicas=3`, `hosts=["a"]`);
 * everything else is text, so that versions and names need no quotes.
 */
export function keyValues(pairs: readonly string[], option: string): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usageError(`${option} "${pair}": write name=value`);
      return [pair.slice(0, at), jsonOrText(pair.slice(at + 1))];
    }),
  );
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
