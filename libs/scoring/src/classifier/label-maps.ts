/** Labels of known families of classifiers → attributes, by Perspective's names. The first whose labels a model all has is used. */
export const LABEL_MAPS: readonly Readonly<Record<string, string>>[] = [
  // unitary/unbiased-toxic-roberta, and the multilingual ones of the same labels
  {
    toxicity: 'TOXICITY',
    severe_toxicity: 'SEVERE_TOXICITY',
    obscene: 'PROFANITY',
    threat: 'THREAT',
    insult: 'INSULT',
    identity_attack: 'IDENTITY_ATTACK',
    sexual_explicit: 'SEXUALLY_EXPLICIT',
  },
  // unitary/toxic-bert
  {
    toxic: 'TOXICITY',
    severe_toxic: 'SEVERE_TOXICITY',
    obscene: 'PROFANITY',
    threat: 'THREAT',
    insult: 'INSULT',
    identity_hate: 'IDENTITY_ATTACK',
  },
];
