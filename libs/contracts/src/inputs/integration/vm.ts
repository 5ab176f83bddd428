import { z } from 'zod';
import { durationSchema } from '../../duration.js';
import { authoritySchema, credentialSchema, exactlyOne, requestTimeoutSchema, urlSchema } from './service.js';

/** An inventory path of vCenter. */
const inventoryPath = z.string().regex(/^\/?[^/]+(\/[^/]+)*$/, 'must be an inventory path such as /dc/vm/web');

/** VMware vCenter 8.0 U1 or later. */
export const vcenterSchema = z.strictObject({
  url: urlSchema,
  user: z.string().min(1),
  password: credentialSchema,
  release: z
    .string()
    .regex(/^\d+(\.\d+){3}$/, 'must be a release of the API such as 8.0.1.0')
    .default('8.0.1.0')
    .meta({ description: 'Release of the API that is spoken' }),
  folder: inventoryPath.meta({ description: 'Folder of the VM, such as /dc/vm/web' }),
  template: inventoryPath
    .optional()
    .meta({ description: 'Template or VM that is cloned, such as /dc/vm/templates/debian; required to create' }),
  pool: inventoryPath.optional().meta({
    description: 'Resource pool, cluster or standalone host that runs it, such as /dc/host/cluster; required to create',
  }),
  datastore: inventoryPath.optional().meta({ description: 'Such as /dc/datastore/ssd; default: that of the template' }),
  cpus: z.number().int().min(1).max(1_024).optional().meta({ description: 'Default: as the template' }),
  memoryMb: z.number().int().min(4).max(25_165_824).optional().meta({ description: 'Default: as the template' }),
});
export type VcenterTarget = z.output<typeof vcenterSchema>;

/** Equinix Metal. */
export const equinixSchema = z.strictObject({
  url: urlSchema.default('https://api.equinix.com/metal/v1'),
  token: credentialSchema,
  project: z.string().min(1).meta({ description: 'Id of the project' }),
  plan: z.string().min(1).optional().meta({ description: 'Such as c3.small.x86; required to create' }),
  metro: z.string().min(1).optional().meta({ description: 'Such as da; required to create' }),
  operatingSystem: z.string().min(1).optional().meta({ description: 'Such as debian_12; required to create' }),
  userData: z.union([z.string(), credentialSchema]).optional(),
  tags: z.array(z.string().min(1)).default([]),
});
export type EquinixTarget = z.output<typeof equinixSchema>;

export const VM_ACTIONS = ['create', 'power-on', 'power-off', 'remove'] as const;

/** Step `vm`: makes one machine per run and step, switches it, or removes it. */
export const vmSchema = z
  .strictObject({
    vcenter: vcenterSchema.optional(),
    equinix: equinixSchema.optional(),
    action: z.enum(VM_ACTIONS).default('create'),
    name: z.string().regex(/^[^/%\\]{1,80}$/, 'must be 1 to 80 characters without / % and \\'),
    powerOn: z.boolean().default(true).meta({ description: 'vCenter, to create: whether it is switched on' }),
    waitForAddress: z
      .boolean()
      .default(false)
      .meta({ description: 'To create: whether to wait until it has told its address' }),
    within: durationSchema.default(15 * 60_000).meta({ description: 'For all of it; default 15m' }),
    timeout: requestTimeoutSchema,
    ca: authoritySchema,
  })
  .refine(exactlyOne('vcenter', 'equinix'), 'name one of `vcenter` and `equinix`')
  .refine(
    ({ action, vcenter }) =>
      action !== 'create' || vcenter === undefined || (vcenter.template !== undefined && vcenter.pool !== undefined),
    '`vcenter.template` and `vcenter.pool` are required to create',
  )
  .refine(
    ({ action, equinix }) =>
      action !== 'create' ||
      equinix === undefined ||
      (equinix.plan !== undefined && equinix.metro !== undefined && equinix.operatingSystem !== undefined),
    '`equinix.plan`, `equinix.metro` and `equinix.operatingSystem` are required to create',
  );
export type VmInput = z.output<typeof vmSchema>;
export const vmResultSchema = z.object({
  /** The service's own id: `vm-42`, or the UUID of a device. Null: there is none. */
  id: z.string().nullable(),
  name: z.string(),
  state: z.enum(['on', 'off', 'absent']),
  /** The first address that it told, IPv4 where there is one. */
  address: z.string().nullable(),
  /** Whether this step changed something. */
  changed: z.boolean(),
});
export type VmResult = z.output<typeof vmResultSchema>;
