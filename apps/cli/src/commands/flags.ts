import { CodedError } from '@switchyard/contracts';
import { flagUses, readFlag, readFlags, type Flag } from '@switchyard/store';
import type { Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { describeFlag } from '../flags/describe-flag.js';
import { withStore } from '../session.js';
import { cut, table } from '../terminal.js';

/** Registers flags list|show. */
export function registerFlagsCommands(program: Command): void {
  const flags = program.command('flags').description('look at flags, and at who has acknowledged them');

  flags
    .command('list')
    .description('all flags, with what they give')
    .action(
      action((context) =>
        withStore(context.root, async ({ db }) => {
          const { terminal } = context;
          const found = await readFlags(db);
          const rows = found.map((flag) => [
            terminal.color.bold(flag.key),
            describeFlag(flag.definition),
            `version ${flag.version}`,
            flag.owner,
            cut(flag.reason, 50),
          ]);
          for (const line of table(rows)) terminal.say(line);
          if (found.length === 0) terminal.say('no flags');
          terminal.json(found.map(plain));
          return EXIT.ok.code;
        }),
      ),
    );

  flags
    .command('show')
    .description('one flag, and which version each instance that is alive may still use')
    .argument('<key>')
    .action(
      action((context, key: string) =>
        withStore(context.root, async ({ db }) => {
          const { terminal } = context;
          const flag = await readFlag(db, key);
          if (!flag) throw new CodedError('NotFound', `there is no flag "${key}"; \`switchyard flags list\` shows all`);
          const instances = (await flagUses(db, { key })).map(({ service, instance, version, seenAt }) => ({
            service,
            instance,
            version,
            isAcknowledged: version >= flag.version,
            seenAt,
          }));
          terminal.say(`${terminal.color.bold(key)}  ${describeFlag(flag.definition)}`);
          terminal.say(`  version ${flag.version}, set by ${flag.owner} at ${flag.updatedAt}: ${flag.reason}`);
          const rows = instances.map((one) => [
            `  ${one.isAcknowledged ? terminal.color.green('✓') : terminal.color.yellow('○')} ${one.service}`,
            one.instance,
            one.isAcknowledged ? 'acknowledged' : `may still use version ${one.version}`,
            `seen ${one.seenAt}`,
          ]);
          for (const line of table(rows)) terminal.say(line);
          if (instances.length === 0) terminal.say('  no instance that is alive asks for it');
          terminal.json({ ...plain(flag), instances });
          return EXIT.ok.code;
        }),
      ),
    );
}

/** As the gateway shows it: the definition is no object of its own. */
const plain = ({ definition, ...flag }: Flag) => ({ ...flag, ...definition });
