/** The attributes that Sonde scores, by the Perspective API's names, in the order of every score vector. */
export const ATTRIBUTES = [
  'TOXICITY',
  'PROFANITY',
  'THREAT',
  'SEXUALLY_EXPLICIT',
  'IDENTITY_ATTACK',
  'INSULT',
] as const;

export type Attribute = (typeof ATTRIBUTES)[number];
