import { createHash, createHmac } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { Server } from './http-request.ts';

export interface S3Setting {
  /** `s3://bucket/prefix`. */
  readonly address: URL;
  /** The service's address. Default: `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`, else Amazon's. */
  readonly endpoint?: string | undefined;
  /** Default: `AWS_REGION`, else `AWS_DEFAULT_REGION`, else us-east-1. */
  readonly region?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A bucket as a server of Bazel's layout: the objects' names are its paths. Requests are signed (Signature Version 4) with
 * the access key of the environment; without one they are not, which a public bucket allows.
 *
 * @throws UserError `usage` where an address is none
 */
export function s3Server(setting: S3Setting, env: Environment): Pick<Server, 'origin' | 'authorize' | 'credentials'> {
  const region = setting.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1';
  const origin = originOf(setting, region, env);
  return {
    origin,
    credentials:
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) hold the key, AWS_REGION the region; who may not list a bucket hears 403 for what is not there.',
    async authorize(request) {
      const accessKeyId = env.AWS_ACCESS_KEY_ID;
      const secretAccessKey = env.AWS_SECRET_ACCESS_KEY;
      if (!accessKeyId || !secretAccessKey) return {};
      const { SignatureV4 } = await import('@smithy/signature-v4');
      const sessionToken = env.AWS_SESSION_TOKEN;
      const signer = new SignatureV4({
        service: 's3',
        region,
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
        sha256: Sha256,
        uriEscapePath: false,
      });
      const signed = await signer.sign({
        method: request.method,
        protocol: origin.protocol,
        hostname: origin.hostname,
        path: request.path,
        headers: {
          ...request.headers,
          host: origin.host,
          ...(request.sha256 === undefined ? {} : { 'x-amz-content-sha256': request.sha256 }),
        },
      });
      return signed.headers;
    },
  };
}

function originOf({ address, endpoint }: S3Setting, region: string, env: Environment): URL {
  const bucket = address.hostname;
  const named = endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  if (bucket === '')
    throw new UserError('usage', `${address.href} names no bucket`, 'It is written s3://BUCKET/FOLDER.');
  if (named === undefined) {
    // A certificate for *.s3… does not hold for a bucket with dots in its name.
    const host = bucket.includes('.') ? `s3.${region}.amazonaws.com/${bucket}` : `${bucket}.s3.${region}.amazonaws.com`;
    return new URL(`https://${host}${address.pathname}`);
  }
  const base = URL.canParse(named) ? new URL(named) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new UserError(
      'usage',
      `${named} is no address of an object store`,
      'AWS_ENDPOINT_URL is an https: or http: address.',
    );
  }
  return new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}/${bucket}${address.pathname}`);
}

/** The hash that the signer asks for: SHA-256, or HMAC with a secret. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }
  update(part: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(part));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    throw new Error('a signature is made once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
