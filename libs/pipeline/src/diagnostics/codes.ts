/** Every diagnostic code: its title and what it means. Codes are stable; docs/reference/diagnostics.md is written from this. */
export const CODES = {
  SND100: [
    'file cannot be read',
    'The pipeline file, a file it uses or a parameter file is missing, a folder, or not readable.',
  ],
  SND101: ['YAML syntax', 'The text is not YAML 1.2. Expressions inside `{ }` or `[ ]` must be quoted.'],
  SND102: [
    'file beyond bounds',
    'A file may have 64 MiB, 1,000,000 values (of more than 100,000, each with at least 3.3 characters on average), 64 levels, 100,000 values brought by aliases, and 32 files nested by `uses:`; a text with expressions 1 MiB; the configs of all tasks together 256 MiB, where each value counts 32 bytes and each task that is waited for 256. After 10,000 problems, equal ones among them, no more tasks are looked at.',
  ],
  SND103: ['not UTF-8', 'Pipeline files are UTF-8 text.'],
  SND104: ['unknown key', 'The key has no meaning here.'],
  SND105: ['key given twice', 'A map has the same key twice; step ids are keys too.'],
  SND106: ['key missing', 'A key that this map must have is not there.'],
  SND107: ['wrong type', 'The value is of another type than the place takes.'],
  SND108: ['value not allowed', 'The value is of the right type, but not one of those allowed, or out of range.'],
  SND109: ['invalid name', 'Names of pipelines, steps, parameters, axes and outputs are `[a-z][a-z0-9_-]*`.'],
  SND110: ['language version', 'The file must say `sonde: 1`; a higher number needs a newer Sonde.'],
  SND111: [
    'YAML that Sonde does not take',
    'Merge keys, tags, keys that are not text, the keys `$` and `__proto__`, infinite numbers, whole numbers beyond ±(2^53 − 1), numbers that begin with 0 (`017`) or are too near to 0.',
  ],
  SND112: ['nothing in the file', 'The file is empty, or has no steps.'],
  SND120: [
    'expression syntax',
    'Between `${{` and `}}` stands one dotted name, with `[0]` or `["key"]` where needed; no operators, no functions.',
  ],
  SND121: ['unknown name in an expression', 'Expressions name `params.*`, `matrix.*` and `steps.<id>.outputs.<name>`.'],
  SND122: [
    'environment or secret in an expression',
    'A pipeline never reads the environment: its results would depend on the machine, and secrets would reach the store.',
  ],
  SND123: ['value cannot stand inside text', 'Inside text only strings, numbers and booleans can be formatted.'],
  SND124: ['nothing at this path', 'The parameter or axis value has no such key or list item.'],
  SND125: [
    'expression not allowed here',
    'Some places are read before expressions are: `uses`, `params`, names; a matrix knows only `params`.',
  ],
  SND130: ['unknown parameter', 'The pipeline has no parameter of this name.'],
  SND131: [
    'parameter must be set',
    'A parameter whose default is null must be given with `--set`, `--params` or the `with:` of the step that uses the file.',
  ],
  SND132: [
    'parameter of another type',
    'One value stands for one value and a list for a list; a map for a map or for text. Whether the value itself fits is checked where it is used.',
  ],
  SND133: ['unused parameter', 'A warning: nothing in the file reads this parameter.'],
  SND140: [
    'unknown step kind',
    '`uses:` names a step kind (`sonde steps` lists them) or a pipeline file (`./other.yaml`).',
  ],
  SND141: ['unknown step', 'No step of this file has this id.'],
  SND142: ['unknown output', 'The step kind or pipeline file has no output of this name.'],
  SND143: ['steps in a cycle', 'Steps that wait for each other can never run.'],
  SND144: ['pipeline files in a cycle', 'A pipeline file uses itself, directly or through others.'],
  SND145: [
    'reference where no artifact is taken',
    "A step's output can only stand where the step kind takes an artifact.",
  ],
  SND146: ['artifact of another type', 'The referenced output is of a type that this place does not take.'],
  SND147: [
    'reference collects',
    'The other step has axes that this one lacks, so the reference is a list; the place takes one artifact.',
  ],
  SND148: [
    'no task to join',
    'The two steps share an axis, and the other has no task with the values that this one has.',
  ],
  SND149: ['output not made', 'The step has this output only with other settings.'],
  SND150: ['matrix', 'An axis is a list with at least one value, each value once.'],
  SND151: ['exclude or include', '`exclude:` and `include:` are lists of maps from axis names to values.'],
  SND152: [
    'too many tasks',
    'A pipeline may have 100,000 tasks, and use pipeline files 200,000 times; the combinations of one matrix may have 8,000,000 values, and `exclude:` or `include:` name so many different sets of axes that 20,000,000 comparisons are enough.',
  ],
  SND153: ['exclude without effect', 'A warning: no combination matches this entry.'],
  SND154: ['axis given twice', 'A step inside a used pipeline file has an axis that the step using the file has too.'],
  SND160: [
    'malformed data reference',
    'Data is named by a path, `embedded:name`, `hf:owner/name@revision[/file]` or `https://…#sha256=…`.',
  ],
  SND161: [
    'unknown scheme',
    'Data is named by a path, `embedded:`, `hf:` or `https:`. A path with a colon can be written with `./` before it.',
  ],
  SND162: [
    'address without a digest',
    'An `https:` address must end in `#sha256=` and the 64 hexadecimal digits of its content, so that it always means the same bytes.',
  ],
  SND163: ['data not there', 'The named data does not exist or cannot be read.'],
  SND170: [
    'resources',
    '`memory: 20GiB`, `time: 2h`, `timeout: 30m`, `cpus: 4`, `device: gpu|cpu|any`, `gpus: 2` (not with `device: cpu`), `retries: 2`, `on_failure: { memory: x2, time: x2 }`.',
  ],
  SND180: ['settings that do not go together', "The step kind's own check refused the settings."],
  SND181: [
    'not available in this version',
    'The key or word is part of the language; this version does not do it yet.',
  ],
  SND201: [
    'data that is not usable',
    'A file, folder, hub reference or embedded name is not what the step takes: the message says what is there.',
  ],
  SND202: [
    'code without consent',
    "A step runs code (`command`, or a module's step kind). Read it, then run with `--allow-code`.",
  ],
  SND203: [
    'device',
    'The device asked for cannot be used here, or a step needs a GPU and none was given. `sonde doctor` says what there is, [Use a GPU](../how-to/use-a-gpu.md) how to install what is missing.',
  ],
  SND204: ['no such step', 'A step named on the command line is not in the file.'],
} as const satisfies Readonly<Record<string, readonly [title: string, explanation: string]>>;

export type Code = keyof typeof CODES;
