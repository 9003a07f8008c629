export { type EmbeddedAsset, type EmbeddedKind, EmbeddedNameError, listEmbedded, resolveEmbedded } from './embedded.ts';
