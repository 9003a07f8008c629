export { checkResultsFolder } from './check-folder.ts';
export { axesName, createNames, extensionOf } from './file-names.ts';
export { type EarlierOutput, type Provenance, readProvenance } from './provenance.ts';
export { type WriteOptions, type WrittenResults, writeResults } from './write-results.ts';
