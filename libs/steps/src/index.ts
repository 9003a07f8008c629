export { STEP_KINDS } from './kinds.ts';
export { createDataSources, type DataSourceOptions, dataSources } from './sources.ts';
