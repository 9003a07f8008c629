import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openRemote } from '../src/index.ts';
import { s3Server } from '../src/s3.ts';

// The access key of the examples in Amazon's documentation of Signature Version 4.
const KEY = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const address = new URL('s3://bucket/group/sonde');

describe('the signature of a request', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2013, 4, 24), toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  const server = s3Server({ address, endpoint: 'https://examplebucket.s3.amazonaws.com' }, KEY);
  it('is that of the documented GET', async () => {
    const headers = await server.authorize({ method: 'GET', path: '/test.txt', headers: { range: 'bytes=0-9' } });
    expect(headers.authorization).toContain(
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('covers what is sent', async () => {
    const sha256 = createHash('sha256').update('Welcome to Amazon S3.').digest('hex');
    const headers = await server.authorize({ method: 'PUT', path: '/test.txt', headers: {}, sha256 });
    expect(headers['x-amz-content-sha256']).toBe(sha256);
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-content-sha256;x-amz-date');
  });

  it('is left out without a key', async () => {
    expect(await s3Server({ address }, {}).authorize({ method: 'GET', path: '/x', headers: {} })).toEqual({});
  });
});

describe('the address of a bucket', () => {
  const at = (env: Record<string, string>, url = address.href) => s3Server({ address: new URL(url) }, env).origin.href;

  it('is Amazon’s, or that of the service that is named', () => {
    expect(at({})).toBe('https://bucket.s3.us-east-1.amazonaws.com/group/sonde');
    expect(at({ AWS_REGION: 'eu-central-1' }, 's3://a.b/c')).toBe('https://s3.eu-central-1.amazonaws.com/a.b/c');
    expect(at({ AWS_ENDPOINT_URL: 'http://127.0.0.1:9000/' })).toBe('http://127.0.0.1:9000/bucket/group/sonde');
  });

  it('is refused where it is none', () => {
    expect(() => openRemote({ url: 's3:///x' }, '/')).toThrow('names no bucket');
    expect(() => openRemote({ url: 's3://b/x', endpoint: 'ftp://h' }, '/')).toThrow('no address of an object store');
  });
});
