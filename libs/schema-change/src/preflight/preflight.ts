import type { Problem } from '@switchyard/contracts';
import type { Catalog } from '../catalog/catalog.js';
import type { Change } from '../spec/change.js';
import { columnObstacles, dependentObstacles } from './columns.js';
import type { Finding } from './finding.js';
import { serverObstacles } from './server.js';
import { tableObstacles } from './table.js';

/** Whether a change may begin. A report, never a throw. */
export interface Preflight {
  readonly passed: boolean;
  readonly obstacles: readonly Finding[];
  /** What a person should know; nothing here stops the run. */
  readonly warnings: readonly Finding[];
}

/**
 * Judges a change against the database as it is. `expressions` are the problems that the expression check and the
 * probes found; they are obstacles like any other.
 */
export function preflight(change: Change, catalog: Catalog, expressions: readonly Problem[] = []): Preflight {
  const findings = [
    ...serverObstacles(change, catalog),
    ...tableObstacles(change, catalog),
    ...columnObstacles(change, catalog),
    ...dependentObstacles(change, catalog),
    ...expressions.map(({ path, message }): Finding => ({
      level: 'obstacle',
      code: 'expression',
      subject: path,
      message,
      fix: 'Change the expression.',
    })),
  ];
  const obstacles = findings.filter(({ level }) => level === 'obstacle');
  const warnings = findings.filter(({ level }) => level === 'warning');
  return { passed: obstacles.length === 0, obstacles, warnings };
}
