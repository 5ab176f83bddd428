import { describe, expect, test, vi } from 'vitest';
import { DeliveryQueue, type Delivery } from './delivery-queue.js';

const delivery = (bytes: number): Delivery => ({ events: [], bytes, endLsn: undefined });
const nothing = (): void => undefined;

describe('a queue of deliveries', () => {
  test('gives them in order, also to somebody who waits already', async () => {
    const queue = new DeliveryQueue(100, nothing);
    const [first, second] = [delivery(1), delivery(2)];
    const waiting = queue.next();
    queue.push(first);
    queue.push(second);
    expect(queue.bytes).toBe(2);
    expect(await waiting).toBe(first);
    expect(await queue.next()).toBe(second);
    expect(queue.bytes).toBe(0);
  });

  test('says that there is room once, when half of it is taken', async () => {
    const onRoom = vi.fn<() => void>();
    const queue = new DeliveryQueue(100, onRoom);
    for (let i = 0; i < 5; i++) queue.push(delivery(30));
    expect(queue.isFull).toBe(true);
    const calls: number[] = [];
    for (let i = 0; i < 5; i++) {
      await queue.next();
      calls.push(onRoom.mock.calls.length);
    }
    expect(calls).toEqual([0, 0, 0, 1, 1]);
  });

  test('gives what it holds before the error that ended it, and the error from then on', async () => {
    const queue = new DeliveryQueue(100, nothing);
    const held = delivery(1);
    const error = new Error('lost');
    queue.push(held);
    queue.end(error, { discard: false });
    queue.end(new Error('too late'), { discard: true });
    queue.push(delivery(1));
    expect(await queue.next()).toBe(held);
    await expect(queue.next()).rejects.toBe(error);
    await expect(queue.next()).rejects.toBe(error);
  });

  test('drops what it holds at an orderly end, and answers those who wait', async () => {
    const queue = new DeliveryQueue(100, nothing);
    const waiting = Promise.all([queue.next(), queue.next()]);
    queue.end(undefined, { discard: true });
    expect(await waiting).toEqual([undefined, undefined]);
    const full = new DeliveryQueue(100, nothing);
    full.push(delivery(1));
    full.end(undefined, { discard: true });
    expect(await full.next()).toBeUndefined();
    expect(full.bytes).toBe(0);
  });
});
