import { resolve } from 'node:path';
import type { Code } from '../diagnostics/codes.ts';
import type { DataTarget } from '../graph.ts';
import { nearest } from '../values/words.ts';

export interface MalformedRef {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
}

/** No system opens a longer path. */
const LONGEST = 4096;

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):(?!\s)/;
const EMBEDDED = /^[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._-]*)?(\/[^\s]+)?$/;
const HF = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._-]*)?(\/[^\s]+)?$/;
const HF_EXAMPLE = 'write hf:owner/name@revision, or hf:owner/name@revision/file for one file';

/**
 * Reads what names data: a path, `embedded:name[@revision]`, `hf:owner/name[@revision][/file]`, or
 * `https://…#sha256=<64 hexadecimal digits>`. Relative paths start at `folder`.
 */
export function parseDataRef(text: string, folder: string): DataTarget | MalformedRef {
  const malformed = (message: string, hint?: string, code: Code = 'SND160'): MalformedRef => ({
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
  if (text.trim() === '') return malformed('a path or data reference is expected, found empty text');
  if (text.length > LONGEST)
    return malformed(`a path or data reference has at most ${LONGEST} characters, this one has ${text.length}`);
  if (text.includes('\0')) return malformed('a path cannot hold the character U+0000');
  const scheme = SCHEME.exec(text)?.[1];
  if (scheme === undefined || text.slice(0, scheme.length).includes('/'))
    return { scheme: 'path', target: resolve(folder, text) };
  const rest = text.slice(scheme.length + 1);
  switch (scheme) {
    case 'embedded':
      return EMBEDDED.test(rest)
        ? { scheme, target: rest }
        : malformed(`\`${text}\` is not an embedded name`, 'write embedded:name or embedded:name@revision');
    case 'hf':
      return HF.test(rest) && !rest.split('/').some((part) => part === '..')
        ? { scheme, target: rest }
        : malformed(`\`${text}\` does not name something on the hub`, HF_EXAMPLE);
    case 'https':
      return parseAddress(text, malformed);
    default: {
      const near = nearest(scheme, ['embedded', 'hf', 'https']);
      return malformed(
        `unknown scheme \`${scheme}:\``,
        near === undefined
          ? 'schemes: `embedded:`, `hf:`, `https:`; a path with a colon starts with `./`'
          : `did you mean \`${near}:\`?`,
        'SND161',
      );
    }
  }
}

function parseAddress(
  text: string,
  malformed: (message: string, hint?: string, code?: Code) => MalformedRef,
): DataTarget | MalformedRef {
  if (!URL.canParse(text) || !text.startsWith('https://')) return malformed(`\`${text}\` is not an address`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return malformed('an address must not hold a user name or password');
  if (!url.hash.startsWith('#sha256=')) {
    return malformed(
      'an https address needs the digest of its content',
      'add #sha256=<64 hexadecimal digits> at the end',
      'SND162',
    );
  }
  const sha256 = url.hash.slice('#sha256='.length);
  if (!/^[0-9a-f]{64}$/i.test(sha256)) return malformed('a sha256 has 64 hexadecimal digits', undefined, 'SND162');
  return { scheme: 'https', target: text.slice(0, text.indexOf('#')), sha256: sha256.toLowerCase() };
}
