import { Command, InvalidArgumentError } from 'commander';
import type { App, AppOptions } from '../app.ts';

/** What the command line of every app says. */
export interface NodeOptions extends AppOptions {
  readonly device: string;
  readonly save: string | undefined;
  readonly load: string | undefined;
  readonly exportOnnx: string | undefined;
  readonly json: string | undefined;
  readonly live: boolean;
  readonly distributed: boolean;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError(`expected a number, got ${JSON.stringify(text)}.`);
  return value;
}

function positiveNumber(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError(`expected a positive number, got ${JSON.stringify(text)}.`);
  return value;
}

function integer(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError(`expected an integer, got ${JSON.stringify(text)}.`);
  return value;
}

function positiveInteger(text: string): number {
  const value = integer(text);
  if (value < 1) throw new InvalidArgumentError(`expected a positive integer, got ${JSON.stringify(text)}.`);
  return value;
}

/** Where weights go is checked before the training, not after it. */
function weightsFile(text: string): string {
  if (!/\.(safetensors|pt)$/.test(text)) throw new InvalidArgumentError(`expected a name that ends in .safetensors or .pt, got ${JSON.stringify(text)}.`); // prettier-ignore
  return text;
}

/** Reads the command line; prints the help or what is wrong and exits where there is nothing to run. */
export function parseOptions(defaults: App, argv: readonly string[] = process.argv.slice(2)): NodeOptions {
  const command = new Command(defaults.name)
    .description(defaults.description)
    .option('--seed <n>', 'seed of all random numbers', integer, 1)
    .option('--epochs <n>', 'passes over the data', positiveInteger, defaults.epochs)
    .option('--steps <n>', 'stop after this many steps', positiveInteger)
    .option('--batch-size <n>', 'samples in a step', positiveInteger, defaults.batchSize)
    .option('--lr <rate>', 'learning rate', positiveNumber, defaults.lr)
    .option('--device <name>', 'where it runs: cpu, reference or webgpu', 'cpu')
    .option('--save <file>', 'write the trained weights: .safetensors or .pt', weightsFile)
    .option('--load <file>', 'start from saved weights: .safetensors or .pt')
    .option('--export-onnx <file>', 'write the trained network as ONNX')
    .option('--json <file>', 'write losses, accuracy and times')
    .option('--live', 'serve the growing charts on localhost', false);
  if (defaults.distributes === true) command.option('--distributed', 'train in all processes that mpirun has started', false);
  command.parse([...argv], { from: 'user' });
  return command.opts();
}
