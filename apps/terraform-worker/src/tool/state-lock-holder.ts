/** Who holds the lock of a state, as the tool tells it. */
export interface StateLockHolder {
  readonly id: string;
  readonly who: string;
  readonly operation: string;
  readonly created: string;
  readonly path: string;
}

const field = (text: string, name: string): string =>
  new RegExp(String.raw`^\s*${name}:[^\S\n]*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';

/**
 * Reads the holder out of "Error acquiring the state lock". Undefined when there is none: the tool uses the same
 * heading for a state file that it cannot read.
 */
export function parseStateLockHolder(detail: string): StateLockHolder | undefined {
  if (!detail.includes('Lock Info:')) return undefined;
  return {
    id: field(detail, 'ID'),
    who: field(detail, 'Who'),
    operation: field(detail, 'Operation')
      .replace(/^OperationType/, '')
      .toLowerCase(),
    created: field(detail, 'Created'),
    path: field(detail, 'Path'),
  };
}
