import { CodedError, TERRAFORM_ENGINES, type TerraformInput } from '@switchyard/contracts';
import { findExecutable } from '@switchyard/process';

export type EngineName = (typeof TERRAFORM_ENGINES)[number];

/** A program that plans and applies. Its version comes with its first line of output, so no process is spent on it. */
export interface Engine {
  readonly name: EngineName;
  readonly executable: string;
}

const VARIABLE: Readonly<Record<EngineName, string>> = {
  terraform: 'SWITCHYARD_TERRAFORM_BIN',
  tofu: 'SWITCHYARD_TOFU_BIN',
};

/** Finds the engine that a run asks for, or whichever the worker has. Throws ToolMissing with the way out. */
export async function findEngine(wanted: TerraformInput['engine'], env: NodeJS.ProcessEnv): Promise<Engine> {
  if (wanted !== undefined) return { name: wanted, executable: await locate(wanted, env) };
  const missing: unknown[] = [];
  for (const name of TERRAFORM_ENGINES) {
    try {
      return { name, executable: await locate(name, env) };
    } catch (error) {
      missing.push(error);
    }
  }
  throw new CodedError(
    'ToolMissing',
    'neither terraform nor tofu is installed on the worker; set SWITCHYARD_TERRAFORM_BIN or SWITCHYARD_TOFU_BIN, or install one',
    { details: { tool: 'terraform', variables: Object.values(VARIABLE) }, cause: missing[0] },
  );
}

const locate = (name: EngineName, env: NodeJS.ProcessEnv): Promise<string> =>
  findExecutable(name, { env, variable: VARIABLE[name] });
