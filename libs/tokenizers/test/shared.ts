import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../../../shared');

/** Reference tokenizers and results, where they are at hand. */
export const fixtures = join(root, 'fixtures');
export const tokenizers = join(root, 'data/tokenizers');
export const hasShared = existsSync(fixtures) && existsSync(tokenizers);
