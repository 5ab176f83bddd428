import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '../src/program.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const pages = [...globSync('docs/**/*.md', { cwd: repository }), 'README.md'].toSorted();

/** What a page has people type after `./switchyard`, without the rest of the sentence or comment that it stands in. */
const callsOf = (page: string): string[][] =>
  [...readFileSync(`${repository}${page}`, 'utf8').matchAll(/\.\/switchyard ([^`\n#|]+)/g)]
    .map(([, words = '']) => words.trim().split(/\s+/))
    .filter(([word = '']) => /^[a-z]/.test(word));

it.each(pages.filter((page) => callsOf(page).length > 0))('%s names commands and options that exist', async (page) => {
  const program = await createProgram();
  for (const words of callsOf(page)) {
    let command: Command = program;
    for (const word of words) command = command.commands.find((one) => one.name() === word) ?? command;
    expect(command, words.join(' ')).not.toBe(program);
    const options = [command, program].flatMap((one) => one.options.flatMap(({ long, short }) => [long, short]));
    for (const option of words.filter((word) => /^--?\w/.test(word)))
      expect(options, words.join(' ')).toContain(option);
  }
});
