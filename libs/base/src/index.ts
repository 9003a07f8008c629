export { certificateFailure } from './certificate.ts';
export { groupBy } from './group-by.ts';
export { isRecord, type JsonObject, type JsonValue } from './json.ts';
export { memo } from './memo.ts';
export { repeatedKey } from './repeated-key.ts';
export { isPassingStatus, PassingFailure, type Retry, retry } from './retry.ts';
export { retryAfterSeconds } from './retry-after.ts';
export { codeOf, type SystemFailure, systemFailure } from './system-error.ts';
export { FAULTS, type Fault, isMachineFault, UserError } from './user-error.ts';
