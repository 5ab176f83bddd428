import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { approveEverything } from './approve-everything.js';
import type { CommandLine } from './checkout.js';
import type { OpenStack } from './stack.js';

/** What a runbook that came to its end gives. */
export interface RunbookEnd {
  readonly steps: Readonly<Record<string, { readonly outcome: string; readonly result?: unknown }>>;
  readonly warnings: readonly unknown[];
}

export const outcomes = ({ steps }: RunbookEnd): Record<string, string> =>
  Object.fromEntries(Object.entries(steps).map(([id, { outcome }]) => [id, outcome]));

/** A playbook on local connections whose hosts note in a file each time that they are through. */
export const noting = (tasks = '', hosts = 'all'): string =>
  `- hosts: ${hosts}
  connection: local
  gather_facts: false
  tasks:
${tasks}    - raw: echo {{ inventory_hostname }} >> {{ playbook_dir }}/ran.txt
`;

/** Runbooks, and the projects that they use, in the folder of a command line. */
export class RunbookRuns {
  readonly #checkout: CommandLine;
  readonly #stack: OpenStack;

  constructor(checkout: CommandLine, stack: OpenStack) {
    this.#checkout = checkout;
    this.#stack = stack;
  }

  /** Writes files into a new folder. Gives its path as workers resolve it. */
  async folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(this.#checkout.folder, name);
    await mkdir(path, { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return relative(this.#checkout.root, path);
  }

  /** The hosts that were through, by a playbook of such a folder that notes them. */
  async ran(folder: string): Promise<string[]> {
    const text = await readFile(join(this.#checkout.root, folder, 'ran.txt'), 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean);
  }

  /** Keeps a secret in the folder whence the workers of a local stack read them. */
  async secret(name: string, value: string): Promise<void> {
    await writeFile(join(this.#checkout.root, '.switchyard', 'secrets', name), value, { mode: 0o600 });
  }

  /** Starts a runbook as ann. */
  async start(file: string, runId: string, inputs: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { code, value, stderr } = await this.#checkout.json<object>(startWords(file, runId, inputs));
    expect(code, JSON.stringify(value) + stderr).toBe(0);
  }

  async endOf(runId: string): Promise<RunbookEnd> {
    return (await this.#stack.client.workflow.getHandle(runId).result()) as RunbookEnd;
  }

  /** The end of a run whose gates a second person approves. */
  async approved(runId: string): Promise<RunbookEnd> {
    const approver = approveEverything(this.#stack.client, runId);
    try {
      return await this.endOf(runId);
    } finally {
      await approver.stop();
    }
  }
}

/** The arguments that start a runbook as ann. */
export function startWords(file: string, runId: string, inputs: Readonly<Record<string, unknown>>): string[] {
  const set = Object.entries(inputs).flatMap(([key, value]) => [
    '--set',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
  return ['run', 'runbook', file, '--id', runId, '--as', 'ann', ...set];
}
