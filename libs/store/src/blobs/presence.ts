import type { Presence } from './types.ts';

/** Whether opening would give the content: what is elsewhere is brought. */
export function isObtainable(presence: Presence): boolean {
  return presence === 'here' || presence === 'elsewhere';
}

const WORST_FIRST: readonly Presence[] = ['missing', 'damaged', 'elsewhere', 'here'];

/** What is true of a whole, given its parts. */
export function worstOf(presences: readonly Presence[]): Presence {
  return WORST_FIRST.find((presence) => presences.includes(presence)) ?? 'here';
}
