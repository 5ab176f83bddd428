import { compile, ITEM_NAMES, referencesOf, type References } from './cel.js';
import { conditionSource, expressionsIn } from './template.js';

/** Whether a condition speaks of the item, so that it is asked once per item instead of once per step. */
export function usesItem(condition: string | boolean | undefined): boolean {
  if (typeof condition !== 'string') return false;
  const { names } = referencesOf(compile(conditionSource(condition)).ast);
  return ITEM_NAMES.some((name) => names.has(name));
}

/** The steps that a condition and a value speak of, or `all` when that cannot be told before they are evaluated. */
export function stepsSpokenOf(condition: string | boolean | undefined, value: unknown): ReadonlySet<string> | 'all' {
  const sources = expressionsIn(value, () => undefined).map((one) => one.source);
  if (typeof condition === 'string') sources.push(conditionSource(condition));
  const all: References[] = sources.map((source) => referencesOf(compile(source).ast));
  if (all.some((references) => references.anyStep)) return 'all';
  return new Set(all.flatMap((references) => [...references.steps.keys()]));
}
