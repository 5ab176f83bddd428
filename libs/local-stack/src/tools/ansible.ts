import { join } from 'node:path';
import { runProgram } from '../processes/run-program.js';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { findPython, makeVenv, pipFailure, pythonEnvironment } from './python.js';
import { checkVersion, fromCache, isExecutable, onPath, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { atLeast, versionIn } from './version.js';

const ENTRY: CacheEntry = { name: 'ansible-core', version: '2.19.14' };
/** The newest release for a Python that is too old for the first choice. */
const OLDER: CacheEntry = { name: 'ansible-core', version: '2.17.14' };
const PROGRAMS = ['ansible-playbook', 'ansible-inventory', 'ansible-config'] as const;

const CHECK: VersionCheck = {
  args: ['--version'],
  parse: (output) => versionIn(/\[core ([\d.]+)/.exec(output)?.[1] ?? ''),
  minimum: '2.14',
};

/** ansible-core. The answer is the directory that holds its programs. */
export function ansibleTool(context: ToolContext): ToolDefinition {
  return {
    tool: 'ansible',
    title: 'Ansible',
    fix: 'install Python 3.11 or later with its venv module (Debian, Ubuntu: apt install python3-venv) or ansible-core, or set SWITCHYARD_ANSIBLE_BIN to the directory of ansible-playbook',
    sources: [
      {
        name: 'SWITCHYARD_ANSIBLE_BIN',
        what: 'the directory that SWITCHYARD_ANSIBLE_BIN names',
        fetches: false,
        find: async () => {
          const directory = context.env['SWITCHYARD_ANSIBLE_BIN'];
          return directory ? checkDirectory(context, directory) : { outcome: 'absent', detail: 'is not set' };
        },
      },
      {
        name: 'PATH (ansible-playbook)',
        what: 'ansible-playbook on the PATH',
        fetches: false,
        find: async () => {
          const program = await onPath(context, 'ansible-playbook');
          if (program === undefined) return { outcome: 'absent', detail: 'no ansible-playbook on the PATH' };
          return checkDirectory(context, join(program, '..'));
        },
      },
      ...[ENTRY, OLDER].map((entry) =>
        fromCache(context, entry, { executable: 'bin/ansible-playbook', check: CHECK, answer: 'directory' }),
      ),
      {
        name: 'pip',
        what: `ansible-core ${ENTRY.version} in a Python venv (70 MB, 15 seconds)`,
        fetches: true,
        find: () => installAnsible(context),
      },
    ],
  };
}

async function checkDirectory(context: ToolContext, directory: string): Promise<SourceAnswer> {
  for (const program of PROGRAMS) {
    if (!(await isExecutable(join(directory, program))))
      return { outcome: 'unfit', detail: `${directory} has no ${program}` };
  }
  return checkVersion(context, join(directory, 'ansible-playbook'), CHECK, directory);
}

async function installAnsible(context: ToolContext): Promise<SourceAnswer> {
  const python = await findPython(context, '3.10');
  if (python === undefined) return { outcome: 'absent', detail: 'no Python 3.10 or later on the PATH' };
  const entry = atLeast(python.version, '3.11') ? ENTRY : OLDER;
  context.progress(`installing ansible-core ${entry.version} into a venv with pip`);
  await installOnce(context, entry, async (folder) => {
    await makeVenv(context, python, folder);
    const requirement = `ansible-core==${entry.version}`;
    const result = await runProgram(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', requirement], {
      env: pythonEnvironment(context),
      timeoutMs: 600_000,
    });
    if (!result.ok) throw new Error(pipFailure(requirement, result));
  });
  return checkDirectory(context, join(cachePath(context, entry), 'bin'));
}
