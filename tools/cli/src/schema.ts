// The schema of a step kind's config, so that TypeScript knows what `run` reads.
export {
  anything,
  artifact,
  artifacts,
  boolean,
  constant,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  text,
  words,
} from '@sonde/pipeline';
