/** How fast a GPU is said to be. */
interface CardRates {
  /** A second, in float32: a multiplication and its addition are two. */
  readonly flops: number;
  /** Bytes of its memory a second. */
  readonly traffic: number;
}

/** By the makers' data sheets: 10¹² operations in float32 and 10⁹ bytes, a second. The first that is in the name holds. */
const CARDS: readonly (readonly [RegExp, flops: number, traffic: number])[] = [
  [/g?b200/, 75, 8000],
  [/g?h200/, 67, 4800],
  [/g?h100/, 67, 3350],
  [/h20\b/, 44, 4000],
  [/h800/, 67, 3350],
  [/a100|a800/, 19.5, 1555],
  [/a40\b/, 37, 696],
  [/a30\b/, 10, 933],
  [/a10g?\b/, 31, 600],
  [/l40s?\b/, 90, 864],
  [/l4\b/, 30, 300],
  [/v100/, 14, 900],
  [/p100/, 9.3, 732],
  [/p40\b/, 11.8, 346],
  [/t4\b/, 8.1, 320],
  [/k80/, 4.4, 240],
  [/6000[-_ ]?ada/, 91, 960],
  [/a6000/, 38.7, 768],
  [/a5000/, 27.8, 768],
  [/a4000/, 19.2, 448],
  [/5090/, 104, 1792],
  [/4090/, 82, 1008],
  [/3090/, 35.6, 936],
  [/2080[-_ ]?ti/, 13.4, 616],
  [/1080[-_ ]?ti/, 11.3, 484],
];
/** So much of it comes of large products and of reading weights. */
const REACHED = 0.6;

/** What a GPU of a server has, about, of which no more is known. */
const ANY: CardRates = { flops: 1e13, traffic: 5e11 };

/** What to expect of a card that cannot be measured from here, by its name (`a100`, `NVIDIA H100 80GB HBM3`). */
export function ratesOfCard(name = ''): CardRates {
  const found = CARDS.find(([pattern]) => pattern.test(name.toLowerCase()));
  return found === undefined ? ANY : { flops: REACHED * found[1] * 1e12, traffic: REACHED * found[2] * 1e9 };
}
