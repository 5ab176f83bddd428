/** Where it is told which hosts were taken, and how old they are. */
export interface InventoryOutput {
  say(
    type: string,
    message: string,
    more: { readonly level?: 'warning'; readonly data: Record<string, unknown> },
  ): Promise<void>;
}
