import { expect, it } from 'vitest';
import { repeatedKey } from '../src/index.ts';

it.each([
  ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', undefined],
  ['{"a":"b","b":"a: \\"a\\": {","c":"\\\\"}', undefined],
  ['["a","a",":"]', undefined],
  ['{"a":1 , "b":2, "a"  \n:3}', 'a'],
  ['{"x":[{"q":1},{"q":1,"\\u0071":2}]}', 'q'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
])('finds the key that an object in %s has twice', (text, key) => {
  JSON.parse(text);
  expect(repeatedKey(text)).toBe(key);
});
