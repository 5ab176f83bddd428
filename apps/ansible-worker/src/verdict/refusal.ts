import type { FailureCode } from '@switchyard/contracts';

/** Why a playbook came to no result on hosts. */
export interface Refusal {
  readonly code: FailureCode;
  readonly isRetryable: boolean;
}

/**
 * What Ansible says when it gives up before or beside the hosts. Its exit code is the same for all of them, so the text
 * decides which of our codes it is; a text that is not known is never taken for success, only for the general code.
 */
const TEXTS: readonly (readonly [RegExp, Refusal])[] = [
  [
    /could not match supplied host pattern|does not match any hosts|leaves us with no hosts/i,
    { code: 'AnsibleNoHostsMatched', isRetryable: false },
  ],
  [
    /no inventory was parsed|failed to parse inventory|unable to parse .* as an inventory source|inventory.*(?:failed to parse|could not be parsed)|failed to parse .* with .* plugin/i,
    { code: 'AnsibleInventoryInvalid', isRetryable: false },
  ],
  [
    /no space left on device|cannot allocate memory|too many open files/i,
    { code: 'AnsibleCrashed', isRetryable: true },
  ],
];

/** Which code an error before or beside the hosts has, by what {@link sayingOf} found in the output. */
export function refusalOf(said: string): Refusal {
  return TEXTS.find(([pattern]) => pattern.test(said))?.[1] ?? { code: 'AnsiblePlaybookInvalid', isRetryable: false };
}

/**
 * The sentence that people need of all that was printed: from the first line with ERROR on, without hints that follow.
 * Lines come masked.
 */
export function sayingOf(lines: readonly string[]): string {
  const first = lines.findIndex((line) => /^(?:\[?ERROR\]?[:!]|ERROR!)/.test(line.trim()));
  const from = first === -1 ? lines.slice(-6) : lines.slice(first, first + 12);
  const text = from
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^\^ here$/.test(line))
    .join(' ')
    .replace(/^(?:\[ERROR\]:|ERROR!)\s*/, '');
  return text === '' ? 'it said nothing' : text.length > 800 ? `${text.slice(0, 797)}...` : text;
}
