import { CodedError } from '@switchyard/contracts';
import { messageOf } from '../error-code.js';
import type { Attempt, FoundTool, ToolDefinition, ToolReport } from './tool.js';

/** Options of {@link findTool}. */
export interface FindOptions {
  /** Whether sources that fetch may be used. Without it they are only named. Default true. */
  readonly fetch?: boolean;
}

/** Asks the sources in their order until one has the tool. Never throws: what went wrong is in the attempts. */
export async function findTool(definition: ToolDefinition, options: FindOptions = {}): Promise<ToolReport> {
  const attempts: Attempt[] = [];
  let wouldObtain: string | null = null;
  const report = (found: FoundTool | null): ToolReport => ({
    tool: definition.tool,
    title: definition.title,
    found,
    attempts,
    wouldObtain: found === null ? wouldObtain : null,
    fix: found === null ? definition.fix : null,
    neededFor: definition.neededFor ?? null,
  });
  for (const source of definition.sources) {
    if (source.fetches && options.fetch === false) {
      wouldObtain ??= source.what;
      attempts.push({ source: source.name, outcome: 'skipped', detail: source.what });
      continue;
    }
    try {
      const answer = await source.find();
      if ('path' in answer) {
        attempts.push({ source: source.name, outcome: 'found', detail: `${answer.path} (${answer.version})` });
        return report({ tool: definition.tool, path: answer.path, version: answer.version, source: source.name });
      }
      attempts.push({ source: source.name, outcome: answer.outcome, detail: answer.detail });
    } catch (error) {
      attempts.push({
        source: source.name,
        outcome: 'failed',
        detail: messageOf(error),
      });
    }
  }
  return report(null);
}

/** The tool of a report, or the error that names every attempt and the fix. */
export function requireTool(report: ToolReport): FoundTool {
  if (report.found === null) throw toolMissing([report]);
  return report.found;
}

/** The tools of all reports, or one error about all that are missing. */
export function requireTools(reports: readonly ToolReport[]): readonly FoundTool[] {
  const missing = reports.filter((report) => report.found === null);
  if (missing.length > 0) throw toolMissing(missing);
  return reports.map((report) => requireTool(report));
}

function toolMissing(reports: readonly ToolReport[]): CodedError {
  const texts = reports.map((report) => {
    const tried = report.attempts.map(({ source, detail }) => `  ${source}: ${detail}\n`).join('');
    return `${report.title} is missing. Tried:\n${tried}To fix it: ${report.fix ?? ''}`;
  });
  const details = reports.map(({ tool, attempts, fix }) => ({ tool, attempts, fix }));
  return new CodedError('ToolMissing', texts.join('\n'), { details });
}
