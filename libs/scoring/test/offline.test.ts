import { afterEach, expect, it } from 'vitest';
import { CLOCK } from '../src/client/clock.ts';
import { NoAnswer, post } from '../src/client/post.ts';

afterEach(() => {
  delete process.env.SONDE_OFFLINE;
});

it('a service is not asked where the network is forbidden, but this machine may be', async () => {
  process.env.SONDE_OFFLINE = '1';
  await expect(post('https://service.example.org/score', '{}', {}, 5, CLOCK)).rejects.toThrow(
    'service.example.org would be asked, and the network is forbidden',
  );
  await expect(post('http://127.0.0.1:1/score', '{}', {}, 5, CLOCK)).rejects.toThrow(NoAnswer);
});
