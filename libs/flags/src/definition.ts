import { z } from 'zod';

/** The types that a flag can have. */
export const FLAG_KINDS = ['boolean', 'string'] as const;
export type FlagKind = (typeof FLAG_KINDS)[number];

/** The name of a flag: it stands in URLs and in the keys of reports. */
export const flagKeySchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'must be letters, digits, dots, dashes and underscores, at most 128, beginning with a letter or digit',
  );

const variantName = z.string().min(1).max(64);
const flagValue = z.union([z.boolean(), z.string()]);
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** What a flag gives. */
export type FlagValue = z.output<typeof flagValue>;

const rule = z.union([
  z.strictObject({ attribute: z.string().min(1), equals: scalar, variant: variantName }),
  z.strictObject({ attribute: z.string().min(1), in: z.array(scalar).min(1), variant: variantName }),
]);

/** A variant for those whose attribute is one value, or one of some. */
export type FlagRule = z.output<typeof rule>;

const rollout = z.strictObject({
  variant: variantName,
  percent: z.number().min(0).max(100),
});

/** A variant for a share of all targeting keys. */
export type FlagRollout = z.output<typeof rollout>;

/**
 * What a flag is, without its key and without its state. Asked in this order: `isEnabled`, the first rule that fits,
 * `rollout`, `defaultVariant`.
 */
export const flagDefinitionSchema = z
  .strictObject({
    kind: z.enum(FLAG_KINDS),
    variants: z.record(variantName, flagValue),
    defaultVariant: variantName,
    rollout: rollout.nullable().default(null),
    rules: z.array(rule).default([]),
    isEnabled: z.boolean().default(true),
  })
  .superRefine((flag, ctx) => {
    for (const [name, value] of Object.entries(flag.variants)) {
      if (typeof value === flag.kind) continue;
      ctx.addIssue({
        code: 'custom',
        path: ['variants', name],
        message: `is a ${typeof value} in a ${flag.kind} flag`,
      });
    }
    const used = [
      [['defaultVariant'], flag.defaultVariant],
      [['rollout', 'variant'], flag.rollout?.variant],
      ...flag.rules.map(({ variant }, index) => [['rules', index, 'variant'], variant] as const),
    ] as const;
    for (const [path, name] of used) {
      if (name === undefined || Object.hasOwn(flag.variants, name)) continue;
      const known = Object.keys(flag.variants).join(', ');
      ctx.addIssue({ code: 'custom', path: [...path], message: `"${name}" is no variant; the variants are ${known}` });
    }
  });

export type FlagDefinition = Readonly<z.output<typeof flagDefinitionSchema>>;

/** A boolean flag that is on for this share of all targeting keys, from 0 (nobody) to 100 (everybody). */
export function booleanFlag(percent: number): FlagDefinition {
  return flagDefinitionSchema.parse({
    kind: 'boolean',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    rollout: { variant: 'on', percent },
  });
}
