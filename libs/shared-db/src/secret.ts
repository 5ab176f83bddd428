import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A secret value that cannot be printed by accident: template strings, `JSON.stringify`, `console.log`, loggers and
 * structured clones all see `[redacted]`. Only {@link Secret.reveal} gives the value; call it at the moment of use.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Hand it to the program or driver that needs it and keep no copy. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
