import { describe, expect, it } from 'vitest';
import { messageOf } from './slack-message.js';

describe('messageOf', () => {
  it('leaves a text without fields alone', () => {
    expect(messageOf({ text: 'done <https://a|here>', fields: {} })).toEqual({ text: 'done <https://a|here>' });
  });
  it('shows fields as data: none of them can call the channel', () => {
    const { blocks } = messageOf({ text: 'done', fields: { error: '<!channel> a & b', hosts: ['web1'] } });
    expect(blocks).toEqual([
      { type: 'section', text: { type: 'mrkdwn', text: 'done' } },
      {
        type: 'section',
        fields: [
          { type: 'mrkdwn', text: '*error*\n&lt;!channel&gt; a &amp; b' },
          { type: 'mrkdwn', text: '*hosts*\n["web1"]' },
        ],
      },
    ]);
  });
  it('keeps within the limits of Slack', () => {
    const fields = Object.fromEntries(Array.from({ length: 23 }, (_, i) => [`f${i}`, 'x'.repeat(3_000)]));
    const { blocks = [] } = messageOf({ text: 'y'.repeat(4_000), fields });
    expect(blocks).toHaveLength(4);
    expect(JSON.stringify(blocks[1]).length).toBeLessThan(10 * 2_100);
  });
});
