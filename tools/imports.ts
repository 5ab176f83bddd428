import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { parseSync } from 'oxc-parser';

/** One import (or re-export) of a source file. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Whether nothing of it is left when the file runs. */
  readonly isType: boolean;
  /** Whether it is an `import()` expression. */
  readonly isDynamic: boolean;
}

/** What a specifier speaks of. */
export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'builtin'; readonly name: string }
  /** `subpath` is `.` for the package itself, else `./sub`. */
  | { readonly kind: 'package'; readonly name: string; readonly subpath: string };

/** The imports of a file, found by a real parser. An `import()` whose argument is computed is left out. */
export function readImports(file: string): Import[] {
  return parseImports(file, readFileSync(file, 'utf8'));
}

/** The imports of a text; the file name only tells the language. */
export function parseImports(file: string, text: string): Import[] {
  const { module, errors } = parseSync(file, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file} does not parse: ${error.message}`);
  // With verbatimModuleSyntax `import { type A } from 'a'` still loads a; only the statement's own `type` removes it.
  const isType = (start: number): boolean => /^(?:import|export)\s+type\s+(?!from\b|,)/.test(text.slice(start));
  const imports = module.staticImports.map(({ start, moduleRequest }) => ({
    specifier: moduleRequest.value,
    isType: isType(start),
    isDynamic: false,
  }));
  // An `export { a }` of something imported is listed at the place of that import: the same import once more.
  const places = new Set(module.staticImports.map(({ start }) => start));
  const reExports = module.staticExports.flatMap(({ start, entries }) => {
    const from = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest;
    return from && !places.has(start) ? [{ specifier: from.value, isType: isType(start), isDynamic: false }] : [];
  });
  const dynamic = module.dynamicImports.flatMap(({ moduleRequest }) => {
    const literal = /^(['"`])([^'"`$]+)\1$/.exec(text.slice(moduleRequest.start, moduleRequest.end));
    return literal?.[2] === undefined ? [] : [{ specifier: literal[2], isType: false, isDynamic: true }];
  });
  return [...imports, ...reExports, ...dynamic];
}

/** Splits a specifier into the package and what is taken from it. */
export function targetOf(specifier: string): Target {
  if (specifier.startsWith('.') || specifier.startsWith('/')) return { kind: 'file', path: specifier };
  if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier.replace(/^node:/, '') };
  const parts = specifier.split('/');
  const count = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(count).join('/');
  return { kind: 'package', name: parts.slice(0, count).join('/'), subpath: rest === '' ? '.' : `./${rest}` };
}
