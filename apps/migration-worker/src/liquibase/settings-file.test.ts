import { describe, expect, it } from 'vitest';
import { settingsFile } from './settings-file.js';

describe('settingsFile', () => {
  it('writes one line per changelog parameter', () => {
    expect(settingsFile({ table: 'users', 'odd key': 'a=b' })).toContain(
      'parameter.table=users\nparameter.odd\\ key=a=b\n',
    );
  });

  it('cannot be made to set anything else by a value with line breaks', () => {
    const lines = settingsFile({ a: 'x\nliquibase.command.url=jdbc:h2:mem\r\\', b: ' ü' }).trim().split('\n');
    expect(lines).toEqual([
      '# Written for one call and removed after it.',
      String.raw`parameter.a=x\nliquibase.command.url=jdbc:h2:mem\r\\`,
      String.raw`parameter.b=\ \u00fc`,
    ]);
  });
});
