import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { UserError } from '@sonde/base';
import type { ScorerContext } from '../define-scorer.ts';
import type { Scorer } from '../scorer.ts';
import { USUAL_BATCH, USUAL_TIMEOUT } from '../service/config.ts';
import { batches, readAnswer, requestOf, type Service } from '../service/protocol.ts';
import type { Config } from './config.ts';
import { startProgram } from './program.ts';

/** Opens a program of the user's: it is started once, and given batch after batch. */
export async function open(config: Config, { name }: ScorerContext): Promise<Scorer> {
  const { argv, files = {}, env = {}, attributes, unbounded = false, version } = config;
  const [program = '', ...args] = argv.map((argument) => fill(argument, files));
  const service: Service = { who: `The program ${basename(program)}`, attributes, unbounded };
  const digests = Object.entries(files).map(([file, { digest }]) => `${file}=${digest}`);
  const settings = JSON.stringify([argv, digests, Object.entries(env), attributes, unbounded, version ?? null]);
  const next = batches();
  const running = startProgram(program, args, env);
  return {
    identity: {
      kind: 'command',
      name,
      digest: createHash('sha256').update(settings).digest('hex'),
      argv,
      files: digests,
      ...(version !== undefined && { version }),
    },
    attributes,
    unbounded,
    byLength: true,
    batchSize: config.batch ?? USUAL_BATCH,
    async score(texts) {
      const batch = next(texts);
      const line = await running.ask(requestOf(service, batch), config.timeout ?? USUAL_TIMEOUT);
      return readAnswer(service, batch, line).map(({ outcome }) => outcome);
    },
    close: () => running.end(),
  };
}

/** Puts paths where `{script}` stands. @throws UserError for a name that is not there */
function fill(argument: string, files: NonNullable<Config['files']>): string {
  return argument.replace(/\{([a-z][a-z0-9_-]*)\}/g, (_, file: string) => {
    const found = files[file];
    if (found !== undefined) return found.path;
    const there = Object.keys(files).join(', ') || 'none';
    throw new UserError('config', `\`argv\` names {${file}}, which \`files\` has not; it has ${there}.`);
  });
}
