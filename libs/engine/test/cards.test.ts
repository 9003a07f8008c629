import { expect, it } from 'vitest';
import { ratesOfCard } from '../src/index.ts';

it('a card is known by the name that Slurm or its driver has for it, an unknown one is any', () => {
  const names = ['a100', 'NVIDIA A100-SXM4-80GB', 'nvidia_a100_80gb_pcie'];
  for (const name of names) expect(ratesOfCard(name)).toEqual(ratesOfCard('a100'));
  expect(ratesOfCard('NVIDIA H100 80GB HBM3').flops).toBeGreaterThan(ratesOfCard('a100').flops);
  expect(ratesOfCard('l40s')).toEqual(ratesOfCard('L40'));
  expect(ratesOfCard('l4')).not.toEqual(ratesOfCard('l40'));
  expect(ratesOfCard('a10')).not.toEqual(ratesOfCard('a100'));
  expect(ratesOfCard('a40')).not.toEqual(ratesOfCard('a4000'));
  expect(ratesOfCard('something new')).toEqual(ratesOfCard());
});
