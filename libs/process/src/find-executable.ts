import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';

/** Options of {@link findExecutable}. */
export interface FindExecutableOptions {
  /** Environment to search. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** The program itself, or a directory that holds it. When given, PATH is not searched. */
  readonly explicit?: string;
  /** Name of the environment variable that may hold `explicit`, such as SWITCHYARD_TERRAFORM_BIN. */
  readonly variable?: string;
}

async function isExecutableFile(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

async function isDirectory(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/**
 * The absolute path of a program: the explicit place (an option, else the environment variable), else PATH.
 * Throws ToolMissing, which names the program and where it was sought.
 */
export async function findExecutable(name: string, options: FindExecutableOptions = {}): Promise<string> {
  const { env = process.env, variable } = options;
  const explicit = options.explicit ?? (variable === undefined ? undefined : env[variable] || undefined);
  const hint = variable === undefined ? '' : `; set ${variable} to where it is`;
  if (explicit !== undefined) {
    const file = path.resolve((await isDirectory(explicit)) ? path.join(explicit, name) : explicit);
    if (await isExecutableFile(file)) return file;
    throw new CodedError('ToolMissing', `"${file}" is not an executable file, so ${name} cannot be run${hint}`, {
      details: { tool: name, sought: [file] },
    });
  }
  const directories = (env['PATH'] ?? '').split(path.delimiter).filter((directory) => directory !== '');
  for (const directory of directories) {
    const file = path.resolve(directory, name);
    if (await isExecutableFile(file)) return file;
  }
  throw new CodedError('ToolMissing', `${name} is not in PATH${hint}, or install it`, {
    details: { tool: name, sought: directories },
  });
}
