import { UserError } from '@sonde/base';

/**
 * `reference`: not a name of the hub; `refused`: no access; `missing`: no such repository, revision or file; `offline`:
 * needed, not here, and the network is forbidden; `unreachable`: no answer, or none of use; `damaged`: bytes are not
 * what the hub's listing says; `cache`: the cache's folder cannot be written to.
 */
export type HubProblem = 'reference' | 'refused' | 'missing' | 'offline' | 'unreachable' | 'damaged' | 'cache';

/** A failure that a person can do something about. Never holds the token or a signed address. */
export class HubError extends UserError {
  override readonly name = 'HubError';
  readonly problem: HubProblem;
  constructor(problem: HubProblem, message: string, hint?: string) {
    super('hub', message, hint);
    this.problem = problem;
  }
}
