import type { JsonValue } from '@sonde/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf, keyOf } from '../src/index.ts';

describe('canonical JSON', () => {
  it('is one text whatever the order of fields, as RFC 8785 spells it', () => {
    expect(canonicalJson({ b: [1e21, 0.1, -0, 1], a: 'é\n"', '\u20ac': null, aa: { z: true, y: false } })).toBe(
      '{"a":"é\\n\\"","aa":{"y":false,"z":true},"b":[1e+21,0.1,0,1],"€":null}',
    );
    expect(keyOf({ a: 1, b: 2 })).toBe(keyOf({ b: 2, a: 1 }));
  });

  it('reads back as what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as JsonValue;
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
      }),
    );
  });

  it.each([
    [{ config: { top_p: Number.NaN } }, '$.config.top_p is NaN'],
    [{ list: [1, Number.POSITIVE_INFINITY] }, '$.list[1] is Infinity'],
    [{ 'a b': undefined }, '$["a b"] is undefined'],
    [{ when: new Date(0) }, '$.when is a Date'],
    [{ size: 1n }, '$.size is a bigint'],
    [{ text: '\ud800' }, '$.text is text with half of a surrogate pair'],
  ])('refuses what JSON cannot hold and names its place', (value, message) => {
    expect(() => canonicalJson(value as unknown as JsonValue)).toThrow(message);
  });

  it('refuses a value that contains itself', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(() => canonicalJson(loop as JsonValue)).toThrow('$.self contains itself');
  });
});

it('digests are SHA-256 of UTF-8', () => {
  // The test vector "abc" of FIPS 180-4.
  expect(digestOf('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
