import { RunRefused } from '@sonde/executor';
import { StoreError } from '@sonde/store';
import { Command, CommanderError, Option } from 'commander';
import { EXIT, Exit, UsageError } from './errors.ts';
import { version } from './package.ts';
import { printRefusal } from './pipeline.ts';
import { endOnClosedPipe, openTerminal } from './terminal.ts';

const collect = (value: string, previous: readonly string[] = []): string[] => [...previous, value];

const positive = (value: string): number => {
  const n = Number(value);
  if (!Number.isInteger(n) || n < 1) throw new UsageError(`"${value}" is not a whole number from 1`);
  return n;
};

const withPipelineOptions = (command: Command): Command =>
  command
    .option('--set <name=value>', 'set a parameter; the value is YAML (repeatable)', collect)
    .option('--params <file>', 'a YAML file of parameter values')
    .option('--refresh <step>', 'run this step although its result is cached (repeatable)', collect)
    .option('--module <file>', 'add the step kinds of a JavaScript module; needs --allow-code (repeatable)', collect)
    .option('--allow-code [sha256]', 'consent to code that the pipeline brings; with a digest: to this very file only')
    .option('--frozen', 'refuse to resolve movable revisions anew')
    .option('--offline', 'refuse network access')
    .addOption(new Option('--device <device>', 'cpu or auto').default('auto'))
    .addOption(new Option('--executor <name>', 'local').default('local'));

/** A command's module is loaded when the command runs: starting stays fast. */
const buildProgram = (): Command => {
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

  withPipelineOptions(
    program.command('run <file> [steps...]').description('run what is not cached; write results/<name>/'),
  )
    .option('--jobs <n>', 'worker processes at most (default: the cores)', positive)
    .option('--keep-going', 'after a failure, go on with what does not depend on it')
    .option('--out <dir>', 'where to write the results (default: results/<name>)')
    .action(async (file, steps, _options, command) =>
      (await import('./commands/run.ts')).run(file, steps, command.optsWithGlobals()),
    );
  withPipelineOptions(
    program.command('plan <file> [steps...]').description('what would run and why; runs and writes nothing'),
  )
    .option('--exit-code', 'end with status 3 if there is work to do')
    .action(async (file, steps, _options, command) =>
      (await import('./commands/plan.ts')).plan(file, steps, command.optsWithGlobals()),
    );
  withPipelineOptions(
    program
      .command('explain <file> <step>')
      .description('a task’s fingerprint, and how it differs from the nearest earlier one'),
  ).action(async (file, step, _options, command) =>
    (await import('./commands/explain.ts')).explain(file, step, command.optsWithGlobals()),
  );
  withPipelineOptions(program.command('check <file>').description('all problems of a pipeline file')).action(
    async (file, _options, command) => (await import('./commands/check.ts')).check(file, command.optsWithGlobals()),
  );
  withPipelineOptions(program.command('graph <file>').description('the graph of steps'))
    .addOption(
      new Option('--format <format>', 'how to draw it').choices(['mermaid', 'dot', 'json', 'svg']).default('mermaid'),
    )
    .option('--tasks', 'draw every task, not every step')
    .option('--out <file>', 'write to a file')
    .action(async (file, _options, command) =>
      (await import('./commands/graph.ts')).graph(file, command.optsWithGlobals()),
    );
  withPipelineOptions(program.command('show <file> <output>').description('a look at an output: STEP or STEP.OUTPUT'))
    .option('--rows <n>', 'rows of a table to show', positive, 10)
    .option('--out <file>', 'export instead: .parquet, .csv, .jsonl, .json, .safetensors, .npy, .html')
    .action(async (file, output, _options, command) =>
      (await import('./commands/show.ts')).show(file, output, command.optsWithGlobals()),
    );
  program
    .command('steps [kind]')
    .description('the step kinds; one kind’s config, inputs and outputs')
    .action(async (kind, _options, command) =>
      (await import('./commands/steps.ts')).steps(kind, command.optsWithGlobals()),
    );
  program
    .command('schema')
    .description('the JSON Schema of pipeline files, for editors')
    .action(async (_options, command) => (await import('./commands/schema.ts')).schema(command.optsWithGlobals()));
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
    .option('--offline', 'use the hub’s cache alone')
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
    .action(async (_options, command) => (await import('./commands/store.ts')).verify(command.optsWithGlobals()));
  store
    .command('gc')
    .description('delete what no kept run and no pin needs')
    .option('--keep-runs <n>', 'keep the results of the newest n runs', positive, 20)
    .option('--older-than <days>', 'delete only what is older', positive)
    .option('--dry-run', 'only say what would go')
    .action(async (_options, command) => (await import('./commands/store.ts')).gc(command.optsWithGlobals()));
  withPipelineOptions(store.command('pin <file>').description('keep a pipeline’s present results whatever gc does'))
    .option('--remove', 'let them go again')
    .action(async (file, _options, command) =>
      (await import('./commands/store.ts')).pin(file, command.optsWithGlobals()),
    );
  store
    .command('path')
    .description('where it is')
    .action(async (_options, command) => (await import('./commands/store.ts')).where(command.optsWithGlobals()));

  program
    .command('init [dir]')
    .description('a new experiment from a commented template')
    .action(async (dir, _options, command) =>
      (await import('./commands/init.ts')).init(dir, command.optsWithGlobals()),
    );
  program
    .command('doctor')
    .description('the machine: Node, ONNX Runtime and its providers, store, disk, hub')
    .action(async (_options, command) => (await import('./commands/doctor.ts')).doctor(command.optsWithGlobals()));
  return program;
};

/** The one boundary where thrown errors become messages and exit statuses. */
const statusOf = (error: unknown, argv: readonly string[]): number => {
  if (error instanceof Exit) return error.status;
  const terminal = openTerminal({ color: !argv.includes('--no-color') });
  const { red, dim } = terminal.colors;
  const say = (message: string, hint?: string): void => {
    terminal.error(`${red('error:')} ${message}`);
    if (hint !== undefined) terminal.error(dim(hint));
  };
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.invalid;
  if (error instanceof RunRefused) {
    printRefusal(error, terminal);
    return EXIT.invalid;
  }
  if (error instanceof StoreError) {
    say(error.message, error.hint);
    return EXIT.machine;
  }
  if (error instanceof UsageError) {
    say(error.message, error.hint);
    return EXIT.invalid;
  }
  say(
    `unexpected: ${error instanceof Error ? error.message : String(error)}`,
    'This is a fault in Sonde. --verbose shows where.',
  );
  if (argv.includes('--verbose') && error instanceof Error) terminal.error(dim(error.stack ?? ''));
  return EXIT.machine;
};

/** Runs one command line. Returns the exit status. */
export const main = async (argv: readonly string[]): Promise<number> => {
  endOnClosedPipe();
  try {
    await buildProgram().parseAsync(argv as string[], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return statusOf(error, argv);
  }
};
