import { createHash } from 'node:crypto';
import { isPassingStatus, PassingFailure, retryAfterSeconds, UserError } from '@sonde/base';
import { CLOCK } from '../client/clock.ts';
import { persist } from '../client/persist.ts';
import { post } from '../client/post.ts';
import type { ScorerContext } from '../define-scorer.ts';
import type { ScoreOutcome, Scorer } from '../scorer.ts';
import { USUAL_BATCH, USUAL_TIMEOUT } from '../service/config.ts';
import { batches, readAnswer, requestOf, type Service } from '../service/protocol.ts';
import { type Config, USUAL_PATIENCE } from './config.ts';

/** Opens a service of the user's. @throws UserError where its token is not in the environment */
export async function open(config: Config, { name, log, clock = CLOCK }: ScorerContext): Promise<Scorer> {
  const { attributes, unbounded = false, version } = config;
  const url = plainAddress(config.url);
  const service: Service = { who: `The service ${url}`, attributes, unbounded };
  const settings = JSON.stringify([url, attributes, unbounded, version ?? null]);
  const persistence = { who: service.who, clock, log, patience: config.patience ?? USUAL_PATIENCE };
  const next = batches();
  const scorer = {
    identity: {
      kind: 'http',
      name,
      digest: createHash('sha256').update(settings).digest('hex'),
      url,
      ...(version !== undefined && { version }),
    },
    attributes,
    unbounded,
    byLength: true,
    batchSize: config.batch ?? USUAL_BATCH,
  };
  if (config.record === 'only') {
    return { ...scorer, onlyKept: true, score: (texts) => texts.map(() => ({ outcome: 'not_recorded' })) };
  }
  const token = tokenOf(config);
  return {
    ...scorer,
    async score(texts) {
      const batch = next(texts);
      const body = requestOf(service, batch);
      return persist(async () => {
        const answer = await post(url, body, token, config.timeout ?? USUAL_TIMEOUT, clock);
        if (answer.status === 200) {
          const time = new Date(clock.now()).toISOString();
          return readAnswer(service, batch, answer.body).map(
            ({ outcome, result }): ScoreOutcome => ({
              ...outcome,
              answer: { request: { url, attributes }, response: result, time },
            }),
          );
        }
        if (isPassingStatus(answer.status)) {
          const wait = retryAfterSeconds(answer.retryAfter, clock.now());
          throw new PassingFailure(`it answers ${answer.status}`, { wait });
        }
        const hint =
          answer.status === 401 || answer.status === 403 ? '`token:` names the variable with its token.' : undefined;
        const said = answer.body.slice(0, 200).trim();
        throw new UserError('scorer', `${service.who} answers ${answer.status}${said && `: ${said}`}.`, hint);
      }, persistence);
    },
  };
}

/** @throws UserError for one with a password or key in it, which would be shown and kept */
function plainAddress(address: string): string {
  if (!URL.canParse(address)) throw new UserError('config', `\`url: ${address}\` is not an address.`);
  const { username, password, href } = new URL(address);
  if (username === '' && password === '') return href;
  throw new UserError(
    'config',
    '`url:` holds a name or password.',
    'Put it into the environment, and name that: `token: <VARIABLE>`.',
  );
}

function tokenOf({ token }: Config): Record<string, string> {
  if (token === undefined) return {};
  const value = process.env[token];
  if (value) return { authorization: `Bearer ${value}` };
  throw new UserError('config', `The environment has no ${token}, which \`token:\` names.`);
}
