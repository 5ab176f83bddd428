import type { AnsibleInput, InventorySource } from '@switchyard/contracts';

/** The sources of an inventory, in the order in which Ansible merges them; none for implicit localhost. */
export function inventorySources({ inventory }: Pick<AnsibleInput, 'inventory'>): readonly InventorySource[] {
  if (inventory === undefined) return [];
  return Array.isArray(inventory) ? inventory : [inventory];
}
