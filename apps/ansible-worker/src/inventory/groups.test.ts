import { describe, expect, test } from 'vitest';
import { cmdbGroups, cmdbPageSchema } from './cmdb-page.js';
import { terraformGroups } from './terraform-groups.js';

const host = (name: string, role: string) => ({ name, ip: '10.0.0.1', user: 'ops', role });

describe('hosts of a CMDB', () => {
  test('stand below all with their variables, and in the group of their role', () => {
    expect(cmdbGroups([host('w1', 'web'), host('c1', 'cache')], true)).toEqual({
      all: {
        hosts: {
          w1: { ansible_host: '10.0.0.1', ansible_user: 'ops', ansible_become: true },
          c1: { ansible_host: '10.0.0.1', ansible_user: 'ops', ansible_become: true },
        },
      },
      web: { hosts: { w1: null } },
      db: { hosts: {} },
      cache: { hosts: { c1: null } },
    });
  });

  test.each([
    ['name', "{{ lookup('pipe', 'id') }}"],
    ['name', '-i/etc/passwd'],
    ['name', 'a,b'],
    ['name', '@/etc/passwd'],
    ['name', 'a b'],
    ['name', 'all'],
    ['ip', "{{ lookup('pipe', 'id') }}"],
    ['ip', '10.0.0.1 -oProxyCommand=id'],
    ['user', '{{ x }}'],
    ['user', '-oProxyCommand=id'],
    ['role', '{{ x }}'],
    ['role', ''],
  ])('are refused when %s is %j, which Ansible would not take for a mere name', (field, value) => {
    expect(cmdbPageSchema.safeParse({ hosts: [{ ...host('a', 'web'), [field]: value }] }).success).toBe(false);
  });

  test('may have the odd names that hosts have', () => {
    const hosts = ['WEB_1', '1a.b-c.example.com', 'fe80::1', 'host_with_underscore'].map((name) => host(name, 'db'));
    expect(cmdbPageSchema.safeParse({ hosts }).success).toBe(true);
    expect(
      cmdbPageSchema.safeParse({ hosts: [{ ...host('a', 'x'), user: 'CORP\\svc$', ip: 'fe80::1%eth0' }] }).success,
    ).toBe(true);
  });
});

describe('outputs of a stack', () => {
  const outputs = {
    names: { value: ['a', 'b'], sensitive: false },
    addresses: { value: { c: '10.0.0.3' } },
    rich: { value: { d: { ansible_host: '10.0.0.4', ring: 1 }, e: null }, type: ['map', 'dynamic'] },
    secret: { ref: 'artifact', sensitive: true },
    large: { ref: 'sha256:abc', sensitive: false, bytes: 3_000_000 },
    number: { value: 7, sensitive: false },
  };

  test('give groups in each of the three shapes', () => {
    expect(terraformGroups({ outputs, groups: { web: 'names', db: 'addresses', cache: 'rich' } })).toEqual({
      web: { hosts: { a: null, b: null } },
      db: { hosts: { c: { ansible_host: '10.0.0.3' } } },
      cache: { hosts: { d: { ansible_host: '10.0.0.4', ring: 1 }, e: null } },
    });
  });

  test.each([
    ['missing', /"missing" is not among the outputs of the stack \(names, addresses/],
    ['secret', /"secret" is sensitive/],
    ['large', /"large" is too large for a result: it is kept as artifact sha256:abc/],
    ['number', /"number" must be a list of names/],
  ])('are refused when the one that is named is %s', (output, message) => {
    expect(() => terraformGroups({ outputs, groups: { web: output } })).toThrow(message);
  });
});
