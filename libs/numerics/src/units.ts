/**
 * Below this many units (prompts, models) no bootstrap interval is given: resamples of so few say little, and of one
 * nothing.
 */
export const INTERVAL_UNITS = 10;
