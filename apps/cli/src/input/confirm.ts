import { createInterface } from 'node:readline/promises';
import type { Terminal } from '../terminal.js';
import { usageError } from '../usage-error.js';

/** What a person is asked before something that cannot be unsaid. */
export interface Question {
  readonly question: string;
  /** What a script does in place of an answer. */
  readonly withoutTerminal: string;
  /** What is said when the answer is no. */
  readonly refused: string;
}

/** Asks, and goes on only with a yes. @throws InvalidInput without a terminal, and for any other answer */
export async function confirm({ isLive }: Pick<Terminal, 'isLive'>, asked: Question): Promise<void> {
  if (!isLive) throw usageError(asked.withoutTerminal);
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await prompt.question(`${asked.question} [y/N] `);
    if (!/^y(?:es)?$/i.test(answer.trim())) throw usageError(asked.refused);
  } finally {
    prompt.close();
  }
}
