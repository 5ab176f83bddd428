import { obtainTools, toolEnvironment, type ToolName } from '@switchyard/local-stack';

/**
 * The variables by which workers find their tools (SWITCHYARD_ANSIBLE_BIN and so on), for tests with real programs.
 * A tool that is not there is fetched into the user's cache folder. Throws ToolMissing with the fix when it cannot be.
 */
export async function tools(only: readonly ToolName[]): Promise<Readonly<Record<string, string>>> {
  return toolEnvironment(await obtainTools({ only, progress: (line) => process.stderr.write(`${line}\n`) }));
}
