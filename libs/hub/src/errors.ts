/**
 * `reference`: not a name of the hub; `refused`: no access; `missing`: no such repository, revision or file; `offline`:
 * needed, not here, and the network is forbidden; `unreachable`: no answer, or none of use; `damaged`: bytes are not
 * what the hub's listing says; `cache`: the cache's folder cannot be written to.
 */
export type HubErrorCode = 'reference' | 'refused' | 'missing' | 'offline' | 'unreachable' | 'damaged' | 'cache';

/** A failure that a person can do something about. Never holds the token or a signed address. */
export class HubError extends Error {
  readonly code: HubErrorCode;
  readonly hint: string | undefined;
  constructor(code: HubErrorCode, message: string, hint?: string) {
    super(message);
    this.name = 'HubError';
    this.code = code;
    this.hint = hint;
  }
}
