/** Calls a listener. Whatever it does, what called it goes on. */
export function tell<Argument>(listener: ((payload: Argument) => unknown) | undefined, payload: Argument): void {
  try {
    const result = listener?.(payload);
    if (result instanceof Promise) result.catch(() => undefined);
  } catch {
    // A figure that is lost is better than a stream that is.
  }
}
