export { type EmbeddedAsset, type EmbeddedKind, listEmbedded, resolveEmbedded } from './embedded.ts';
