export { STEP_KINDS } from './kinds.ts';
export { dataSources } from './sources.ts';
