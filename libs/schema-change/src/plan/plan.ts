import type { Catalog } from '../catalog/catalog.js';
import { objectNames, showTable, type ObjectNames } from '../identifiers.js';
import type { Change } from '../spec/change.js';
import type { Shape } from '../sql/shape.js';
import { estimates, sumOf, type Basis, type Estimate } from './estimate.js';
import type { PlanStep } from './plan-step.js';
import { stepsOf } from './steps.js';

/** What a change will do, before it does anything. Plain JSON with a fixed order: a digest of it is stable. */
export interface Plan {
  readonly change: string;
  readonly database: string;
  readonly table: string;
  readonly newTable: string;
  readonly strategy: 'columns' | 'table';
  readonly names: ObjectNames;
  readonly steps: readonly PlanStep[];
  readonly basis: Basis;
  readonly total: Estimate;
  /** The longest that a step keeps everyone out, in milliseconds. */
  readonly longestExclusiveMs: number;
}

/** Options of {@link planChange}. */
export interface PlanOptions {
  /** How many times slower than the measured machine this one is. Default 1. */
  readonly scale?: number;
}

/** Writes the plan of a change for the database as the catalog shows it. */
export function planChange(change: Change, catalog: Catalog, shape: Shape, options: PlanOptions = {}): Plan {
  const names = objectNames(change.name, shape.id);
  const estimated = estimates(change, catalog, options.scale);
  const steps = stepsOf({ change, catalog, shape, names, estimated });
  const exclusive = steps.flatMap(({ locks }) => locks.filter(({ mode }) => mode === 'ACCESS EXCLUSIVE'));
  return {
    change: change.name,
    database: change.database,
    table: showTable(change.source),
    newTable: showTable(shape.target),
    strategy: shape.sameRow ? 'columns' : 'table',
    names,
    steps,
    basis: estimated.basis,
    total: sumOf(steps.map(({ estimate }) => estimate)),
    longestExclusiveMs: Math.max(0, ...exclusive.map(({ expectedMs }) => expectedMs)),
  };
}
