/** The activities on coordinator-queue, beside those that every worker with workflows has. */
export interface CoordinatorActivities {
  /** Resolves when a worker polls the queue for workflows; fails with NotFound when none does in time. */
  readonly awaitPollers: (input: { readonly taskQueue: string; readonly timeoutMs: number }) => Promise<void>;
}
