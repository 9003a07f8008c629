import { isMachineFault, UserError } from '@sonde/base';
import { RunRefused } from '@sonde/executor';
import { nearest, parseMemory, parseSpan } from '@sonde/pipeline';
import { Command, CommanderError, Option } from 'commander';
import { EXIT, Exit, systemFailure } from './errors.ts';
import { version } from './package.ts';
import { type CommonOptions, printRefusal, refusalJson } from './pipeline.ts';
import { endOnClosedPipe, message, openTerminal, printJson } from './terminal.ts';

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function positive(option: string) {
  return (value: string): number => {
    const n = Number(value);
    if (!Number.isInteger(n) || n < 1)
      throw new UserError('usage', `${option} takes a whole number from 1, not "${value}"`);
    return n;
  };
}

/** A size or a duration, as a number. */
function measured(option: string, parse: (text: string) => number | undefined, like: string) {
  return (value: string): number => {
    const n = parse(value);
    if (n === undefined) throw new UserError('usage', `${option} takes ${like}, not "${value}"`);
    return n;
  };
}

const CONSENT = 'yes';
const DIGEST = /^(sha256:)?[0-9a-f]{64}$/i;

/** Alone, `--allow-code` takes nothing: the word after it is the next argument. */
function separateConsent(argv: readonly string[]): string[] {
  return argv.map((word, at) => {
    if (word !== '--allow-code') return word;
    const next = argv[at + 1];
    if (next !== undefined && (DIGEST.test(next) || next.startsWith('sha256:')))
      throw new UserError('usage', 'a digest is written with `=`', `--allow-code=${next}`);
    return `--allow-code=${CONSENT}`;
  });
}

function readConsent(value: string): true | string {
  if (value === CONSENT) return true;
  if (DIGEST.test(value)) return value.toLowerCase();
  throw new UserError(
    'usage',
    `--allow-code=${value}: that is no digest (sha256: and 64 hexadecimal digits)`,
    'Alone, --allow-code consents to what the command names; with the digest of the pipeline file, to that very file.',
  );
}

/** Options of every command that loads step kinds. */
function withModules(command: Command): Command {
  return command
    .option('--module <file>', 'add the step kinds of a JavaScript module; needs --allow-code (repeatable)', collect)
    .option(
      '--allow-code [=sha256]',
      'consent to code that the pipeline or a module brings; with =sha256:…: to this very pipeline file only',
      readConsent,
    );
}

/** Options of every command that reads a pipeline file. */
function withFileOptions(command: Command): Command {
  return withModules(
    command
      .option('--set <name=value>', 'set a parameter; the value is YAML (repeatable)', collect)
      .option('--params <file>', 'a YAML file of parameter values'),
  );
}

function deviceOption(): Option {
  return new Option(
    '--device <device>',
    'cpu, cuda, cuda:0,1, webgpu, or auto: all of cuda if it works, else cpu',
  ).default('auto');
}

function planOptions(): Option[] {
  return [
    new Option('--refresh <step>', 'run this step although its result is cached (repeatable)').argParser(collect),
    new Option('--frozen', 'refuse to resolve movable revisions anew'),
    new Option('--offline', 'refuse network access'),
    deviceOption(),
    new Option(
      '--executor <name>',
      'who does the work: local; slurm: jobs on a cluster; workers: `sonde work` on any host that sees the store',
    ).default('local'),
    new Option(
      '--profile <file>',
      'how Slurm is asked for jobs (default: slurm.yaml beside FILE, or in your settings)',
    ),
    ...remoteOptions(),
  ];
}

function remoteOptions(): Option[] {
  return [
    new Option(
      '--remote <url>',
      'a store of another place, asked for what is not here: https://…, s3://bucket/…, a folder (repeatable)',
    ).argParser(collect),
    new Option('--no-remote', 'ask none, whatever the settings say'),
    new Option('--remote-write', 'give results to the first of them'),
  ];
}

function runOptions(): Option[] {
  return [
    new Option('--jobs <n>', 'worker processes on the CPU at most (default: the cores)').argParser(positive('--jobs')),
    new Option('--keep-going', 'after a failure, go on with what does not depend on it'),
    new Option(
      '--here <tasks>',
      'what a run that gives its work away does itself (default: small tasks of the CPU, or as the profile says)',
    ).choices(['small', 'none']),
    new Option('--on-interrupt <what>', 'what becomes of work that is given away (default: asked, else leave)').choices(
      ['leave', 'cancel'],
    ),
    new Option('--detach', 'go on in the background: `sonde logs last` tells of it'),
    new Option('--out <dir>', 'where to write the results (default: results/<name>)'),
  ];
}

function add(command: Command, options: readonly Option[]): Command {
  return options.reduce((to, option) => to.addOption(option), command);
}

/** Accepted, so that a line of `sonde run` works with another command in its place; without effect, so not shown. */
function hidden(options: readonly Option[]): Option[] {
  return options.map((option) => option.hideHelp());
}

/** A command's module is loaded when the command runs: starting stays fast. */
function buildProgram(): Command {
  const program = new Command('sonde')
    .description('Aligned probing of language models: what a model does against what it encodes.')
    .version(version(), '--version', 'print the version')
    .option(
      '--store <dir>',
      'the store (default: $SONDE_STORE, else cache/ beside the nearest package.json, else the user’s cache)',
    )
    .option('--json', 'print results as JSON on standard output')
    .option('--quiet', 'print nothing but results and errors')
    .option('--verbose', 'print more')
    .option('--no-color', 'no colours')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(add --help for help)')
    .exitOverride();

  add(
    withFileOptions(
      program.command('run <file> [steps...]').description('run what is not cached; write results/<name>/'),
    ),
    [...planOptions(), ...runOptions()],
  ).action(async (file, steps, _options, command) =>
    (await import('./commands/run.ts')).run(file, steps, command.optsWithGlobals()),
  );
  add(
    withFileOptions(
      program.command('plan <file> [steps...]').description('what would run and why; runs and writes nothing'),
    ),
    [...planOptions(), ...hidden(runOptions())],
  )
    .option('--exit-code', 'end with status 3 if there is work to do')
    .option('--estimate', 'also the time, memory and disk that each step is expected to take')
    .action(async (file, steps, _options, command) =>
      (await import('./commands/plan.ts')).plan(file, steps, command.optsWithGlobals()),
    );
  add(
    withFileOptions(
      program
        .command('explain <file> <step>')
        .description('a task’s fingerprint, and how it differs from the nearest earlier one'),
    ),
    [...planOptions(), ...hidden(runOptions())],
  ).action(async (file, step, _options, command) =>
    (await import('./commands/explain.ts')).explain(file, step, command.optsWithGlobals()),
  );
  add(
    withFileOptions(program.command('check <file>').description('all problems of a pipeline file')),
    hidden([...planOptions(), ...runOptions()]),
  ).action(async (file, _options, command) =>
    (await import('./commands/check.ts')).check(file, command.optsWithGlobals()),
  );
  withFileOptions(program.command('graph <file>').description('the graph of steps'))
    .addOption(
      new Option('--format <format>', 'how to draw it').choices(['mermaid', 'dot', 'json', 'svg']).default('mermaid'),
    )
    .option('--tasks', 'draw every task, not every step')
    .option('--out <file>', 'write to a file')
    .action(async (file, _options, command) =>
      (await import('./commands/graph.ts')).graph(file, command.optsWithGlobals()),
    );
  withFileOptions(program.command('show <file> <output>').description('a look at an output: STEP or STEP.OUTPUT'))
    .option('--rows <n>', 'rows of a table to show', positive('--rows'), 10)
    .option(
      '--out <file>',
      'export instead: .parquet, .csv, .jsonl, .json, .safetensors, .npy, .html; several: DIR/ or DIR/{}.csv',
    )
    .option('--tensor <name>', 'the tensor to export as .npy, where there are several')
    .action(async (file, output, _options, command) =>
      (await import('./commands/show.ts')).show(file, output, command.optsWithGlobals()),
    );
  withModules(
    program.command('steps [kind]').description('the step kinds; one kind’s config, inputs and outputs'),
  ).action(async (kind, _options, command) =>
    (await import('./commands/steps.ts')).steps(kind, command.optsWithGlobals()),
  );
  withModules(program.command('schema').description('the JSON Schema of pipeline files, for editors')).action(
    async (_options, command) => (await import('./commands/schema.ts')).schema(command.optsWithGlobals()),
  );
  withModules(
    program
      .command('score <scorer> [file]')
      .description('score texts for a quick look: the lines of standard input, of a text file, or a column of a table'),
  )
    .option('--column <name>', 'of a table (.parquet, .jsonl, .json, .csv, .tsv): the column of texts', 'text')
    .option('--offline', 'use the hub’s cache alone')
    .addOption(deviceOption())
    .addHelpText(
      'after',
      `
SCORER is what \`scorer:\` of text/score takes: a reference (embedded:toxicity, a folder, hf:owner/name@revision) or an
object in YAML, '{ kind: regex, words: { INSULT: [fool] } }'. FILE is - (standard input) if not given. Prints a row for
each text, as soon as it is scored; with --json an object a line: text, outcome, scores.`,
    )
    .action(async (scorer, file, _options, command) =>
      (await import('./commands/score.ts')).score(scorer, file ?? '-', command.optsWithGlobals()),
    );
  withModules(
    program
      .command('work')
      .description('do what runs with --executor workers have left in the store, until there is nothing for a while'),
  )
    .option('--shape <name>', 'work of this shape alone, as a run names it (default: all that this machine can do)')
    .option('--jobs <n>', 'tasks of the CPU at a time (default: the cores)', positive('--jobs'))
    .addOption(deviceOption())
    .option('--idle <seconds>', 'end when there was nothing to do for so long', positive('--idle'), 60)
    .option('--grace <seconds>', 'how long what is at work may go on after SIGTERM or Ctrl-C', positive('--grace'), 20)
    .option(
      '--scratch <folder>',
      "keep copies of checkpoints on this machine's own disk; may name variables: /local/$USER",
    )
    .option(
      '--scratch-size <size>',
      'all copies together take no more',
      measured('--scratch-size', parseMemory, 'a size such as 200GiB'),
      200 * 2 ** 30,
    )
    .option(
      '--scratch-keep <time>',
      'a worker that ends removes copies that nobody has read for so long',
      measured('--scratch-keep', parseSpan, 'a duration such as 12h'),
      86_400,
    )
    .option('--offline', 'refuse network access')
    .action(async (_options, command) => (await import('./commands/work.ts')).work(command.optsWithGlobals()));
  program
    .command('runs')
    .description('past runs')
    .action(async (_options, command) => (await import('./commands/runs.ts')).runs(command.optsWithGlobals()));
  program
    .command('logs <run> [step]')
    .description('the events of a run; `last` names the newest')
    .action(async (run, step, _options, command) =>
      (await import('./commands/runs.ts')).logs(run, step, command.optsWithGlobals()),
    );

  const models = program.command('models').description('checkpoints');
  models
    .command('check <ref>')
    .description('load a checkpoint, say what it is, try it: a folder, embedded:name or hf:owner/name@revision')
    .option('--adapter <ref>', 'with this LoRA adapter')
    .addOption(new Option('--dtype <type>', 'with weights rounded to it').choices(['float32', 'float16', 'bfloat16']))
    .addOption(new Option('--quantization <kind>', 'with quantised weights').choices(['nf4', 'int8', 'int4']))
    .addOption(
      new Option('--compute <type>', 'with linear layers computed in it, on a GPU').choices([
        'float32',
        'float16',
        'bfloat16',
      ]),
    )
    .option('--layerwise-casting', 'with weights that stay as they are stored, and become float32 layer by layer')
    .option('--offline', 'use the hub’s cache alone')
    .addOption(deviceOption())
    .action(async (ref, _options, command) =>
      (await import('./commands/models.ts')).check(ref, command.optsWithGlobals()),
    );
  models
    .command('revisions <ref>')
    .description('the branches and tags of hf:owner/name, one a line')
    .option('--pattern <glob>', "only names like this: 'step*-tokens*'")
    .action(async (ref, _options, command) =>
      (await import('./commands/models.ts')).revisions(ref, command.optsWithGlobals()),
    );

  const store = program.command('store').description('the store');
  store
    .command('status')
    .description('how much it holds')
    .action(async (_options, command) => (await import('./commands/store.ts')).status(command.optsWithGlobals()));
  store
    .command('verify')
    .description('check every blob and record; quarantine what is damaged')
    .option('--repair', 'make again what follows from the rest, store.json too')
    .action(async (_options, command) => (await import('./commands/store.ts')).verify(command.optsWithGlobals()));
  store
    .command('gc')
    .description('delete what no kept run and no pin needs')
    .option('--keep-runs <n>', 'keep the results of the newest n runs', positive('--keep-runs'), 20)
    .option('--older-than <days>', 'delete only what is older', positive('--older-than'))
    .option('--dry-run', 'only say what would go')
    .action(async (_options, command) => (await import('./commands/store.ts')).gc(command.optsWithGlobals()));
  withFileOptions(store.command('pin <file>').description('keep a pipeline’s present results whatever gc does'))
    .option('--remove', 'let them go again')
    .action(async (file, _options, command) =>
      (await import('./commands/store.ts')).pin(file, command.optsWithGlobals()),
    );
  for (const [name, description, verify] of [
    ['push', 'give a pipeline’s results to a store of another place', 'read back what is there, and check it'],
    ['pull', 'bring a pipeline’s results from a store of another place', 'bring nothing: check what is there'],
  ] as const) {
    add(withFileOptions(store.command(`${name} <file> [steps...]`).description(description)), [
      ...remoteOptions(),
      new Option('--verify', verify),
      ...hidden([...planOptions().slice(0, -3), ...runOptions()]),
    ]).action(async (file, steps, _options, command) =>
      (await import('./commands/transfer.ts'))[name](file, steps, command.optsWithGlobals()),
    );
  }
  store
    .command('path')
    .description('where it is')
    .action(async (_options, command) => (await import('./commands/store.ts')).where(command.optsWithGlobals()));

  const bundle = program.command('bundle').description('one file with a pipeline, its results and what it reads');
  add(
    withFileOptions(
      bundle
        .command('create <file> [steps...]')
        .description('make one of the results that are here, of all steps or of these'),
    ),
    [
      new Option('-o, --out <bundle>', 'the file to write: X.sonde').makeOptionMandatory(),
      new Option('--with-report', 'with the reports as files of their own, to be read without Sonde'),
      new Option('--without-text', 'without inputs and results that may hold texts of prompts or continuations'),
      ...remoteOptions(),
      ...hidden([...planOptions().slice(0, -3), ...runOptions().slice(0, -1)]),
    ],
  ).action(async (file, steps, _options, command) =>
    (await import('./commands/bundle.ts')).create(file, steps, command.optsWithGlobals()),
  );
  bundle
    .command('open <bundle> [folder]')
    .description('check it, bring its results into the store, write its files into a new folder (default: its name)')
    .action(async (file, folder, _options, command) =>
      (await import('./commands/bundle.ts')).open(file, folder, command.optsWithGlobals()),
    );
  bundle
    .command('verify <bundle>')
    .description('read all of it and hold it against its digests')
    .action(async (file, _options, command) =>
      (await import('./commands/bundle.ts')).verify(file, command.optsWithGlobals()),
    );
  bundle
    .command('list <bundle>')
    .description('what is in it, what is not, and why')
    .action(async (file, _options, command) =>
      (await import('./commands/bundle.ts')).list(file, command.optsWithGlobals()),
    );

  program
    .command('init [dir]')
    .description('a new experiment from a commented template')
    .action(async (dir, _options, command) =>
      (await import('./commands/init.ts')).init(dir, command.optsWithGlobals()),
    );
  program
    .command('doctor')
    .description('the machine: Node, ONNX Runtime and its providers, GPUs, store, disk, hub')
    .action(async (_options, command) => (await import('./commands/doctor.ts')).doctor(command.optsWithGlobals()));
  return program;
}

/** The commands whose help lists the option that a message of commander's names. */
function commandsWith(message: string): string[] {
  const flag = /'(--[a-z-]+)/.exec(message)?.[1];
  const withParts = (command: Command): Command[] => [command, ...command.commands.flatMap(withParts)];
  return withParts(buildProgram())
    .filter(({ options }) => options.some(({ long, hidden }) => long === flag && !hidden))
    .map((command) => (command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name()));
}

/** What stands after `help`, where that is the command: options of the program may stand before it. */
function wordsOfHelp(words: readonly string[]): readonly string[] {
  let at = 0;
  while (words[at]?.startsWith('-')) at += words[at] === '--store' ? 2 : 1;
  return words[at] === 'help' ? words.slice(at + 1) : [];
}

/** `sonde help COMMAND`: the command must exist. */
function checkHelp(program: Command, words: readonly string[]): void {
  let place = program;
  for (const word of words.filter((one) => !one.startsWith('-'))) {
    const names = place.commands.map((command) => command.name());
    const found = place.commands.find((command) => command.name() === word);
    if (names.length === 0 || word === 'help') return;
    if (found === undefined) {
      const near = nearest(word, names);
      throw new UserError(
        'usage',
        `there is no command "${word}"`,
        near === undefined ? `Commands: ${names.join(', ')}.` : `Did you mean "${near}"?`,
      );
    }
    place = found;
  }
}

/** The one boundary where thrown errors become messages and exit statuses. */
function statusOf(error: unknown, argv: readonly string[], command: Command | undefined): number {
  if (error instanceof Exit) return error.status;
  const terminal = openTerminal({ color: !argv.includes('--no-color') });
  const { red, dim } = terminal.colors;
  const say = (what: string, hint?: string): void => {
    terminal.error(`${red('error:')} ${message(what)}`);
    if (hint !== undefined) terminal.error(dim(message(hint)));
  };
  if (error instanceof CommanderError) {
    const owners = error.code === 'commander.unknownOption' ? commandsWith(error.message) : [];
    if (owners.length > 0) terminal.error(dim(`It is an option of ${owners.join(', ')}.`));
    return error.exitCode === 0 ? EXIT.done : EXIT.invalid;
  }
  if (error instanceof RunRefused) {
    if (command?.optsWithGlobals<CommonOptions>().json)
      printJson(terminal, refusalJson(error, String(command.args[0])));
    else printRefusal(error, terminal);
    return EXIT.invalid;
  }
  if (error instanceof UserError) {
    say(error.message, error.hint);
    return isMachineFault(error.code) ? EXIT.machine : EXIT.invalid;
  }
  const failure = systemFailure(error);
  if (failure !== undefined) {
    say(failure.message);
    return failure.status;
  }
  say(
    `unexpected: ${error instanceof Error ? error.message : String(error)}`,
    'This is a fault in Sonde. --verbose shows where.',
  );
  if (argv.includes('--verbose') && error instanceof Error) terminal.error(dim(error.stack ?? ''));
  return EXIT.machine;
}

/** Runs one command line. Returns the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  endOnClosedPipe();
  let command: Command | undefined;
  try {
    const program = buildProgram().hook('preAction', (_, action) => {
      command = action;
    });
    const words = separateConsent(argv);
    checkHelp(program, wordsOfHelp(words));
    await program.parseAsync(words, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return statusOf(error, argv, command);
  }
}
