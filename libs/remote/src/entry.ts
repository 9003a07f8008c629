import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Digest, type Key, keyOf, type ResultRecord, recordInText, textOfRecord } from '@sonde/store';
import { encodeActionResult, recordOfActionResult } from './action-result.ts';

/** Largest entry that is read, in bytes: an output of 50,000 files. */
export const MAX_ENTRY = 16 * 1024 * 1024;

/**
 * A result as a cache's entry: its record as the store writes it, and a line that signs it where there is a secret.
 * Digests show that nothing has changed on the way; only a signature shows who said that this key gives that output.
 */
export function encodeEntry(
  record: ResultRecord,
  sizes: ReadonlyMap<Digest, number>,
  secret: string | undefined,
): Uint8Array {
  const text = textOfRecord(record);
  const signed = secret === undefined ? text : `${text}${signatureOf(text, secret)}\n`;
  return encodeActionResult(sizes, signed);
}

/** The record of a key in an entry; what is wrong with it, in words, where there is none that can be believed. */
export function decodeEntry(bytes: Uint8Array, key: Key, secret: string | undefined): ResultRecord | string {
  const carried = recordOfActionResult(bytes);
  if (carried === undefined) return 'no entry of Sonde';
  const end = carried.indexOf('\n') + 1;
  const [text, signature] = [carried.slice(0, end), carried.slice(end).trimEnd()];
  if (secret !== undefined && !isSigned(text, signature, secret)) {
    return signature === '' ? 'not signed, and a signature is asked for' : 'signed with another secret, or changed';
  }
  const record = recordInText(text, key);
  if (typeof record === 'string') return record;
  return keyOf(record.fingerprint) === key ? record : 'a record whose fingerprint has another key';
}

function signatureOf(text: string, secret: string): string {
  return `hmac-sha256:${createHmac('sha256', secret).update(text).digest('hex')}`;
}

function isSigned(text: string, signature: string, secret: string): boolean {
  const [given, wanted] = [Buffer.from(signature), Buffer.from(signatureOf(text, secret))];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
