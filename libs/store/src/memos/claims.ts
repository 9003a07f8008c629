import { readFile, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Context } from '../context.ts';
import type { Digest } from '../disk/digest.ts';
import { namesIn, publish, tolerate, writeFlushed } from '../disk/files.ts';
import type { ContentHex } from './types.ts';

/** What a process has taken on to make: a file `claims/<holder id>.<number>` with a content a line. */
export interface Claim {
  readonly contents: readonly ContentHex[];
  release(): Promise<void>;
}

/** What live processes are making. The claims of the dead are removed. To be called under the maker's agreement. */
export async function contentsClaimed(context: Context, maker: Digest): Promise<Set<ContentHex>> {
  const folder = join(context.layout.memo(maker), 'claims');
  const claimed = new Set<ContentHex>();
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if ((await context.watch.look(name.split('.')[0] ?? '')) === 'dead') {
      await tolerate(['ENOENT'], unlink(path));
      continue;
    }
    const text = (await tolerate(['ENOENT'], readFile(path, 'latin1'))) ?? '';
    for (const content of text.split('\n')) if (content !== '') claimed.add(content);
  }
  return claimed;
}

/** Takes contents on. To be called under the maker's agreement, for what nobody else has claimed. */
export async function claim(context: Context, maker: Digest, contents: readonly ContentHex[]): Promise<Claim> {
  const holder = await context.holder();
  const beside = holder.temporary();
  const path = join(context.layout.memo(maker), 'claims', `${holder.id}.${basename(beside)}`);
  await writeFlushed(beside, `${contents.join('\n')}\n`);
  const end = holder.begin();
  await publish(beside, path);
  return {
    contents,
    async release() {
      end();
      await tolerate(['ENOENT'], unlink(path));
    },
  };
}
