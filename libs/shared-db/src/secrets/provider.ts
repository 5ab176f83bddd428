/** One place that secrets are read from. */
export interface SecretProvider {
  /** Name of the provider in error messages: `env`, `file`, `vault`. */
  readonly name: string;
  /** Where this provider looks for a name, for the message that says a secret is missing. Never a value. */
  whereIs(name: string): string;
  /**
   * The value of a secret, or undefined when this provider does not hold it.
   * Throws when it cannot say: a provider that fails must never look like one that has nothing.
   */
  read(name: string): Promise<string | undefined>;
  /** Ends timers that the provider holds. */
  close?(): void;
}
