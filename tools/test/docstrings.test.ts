import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTogether, type Ran } from './programs/run.ts';

// Every `@example` of a docstring runs. A docstring leaves out what its reader has at hand: it is given here, by the file and the name
// of what the docstring describes.

const root = new URL('../../', import.meta.url).pathname;
const scratch = join(root, 'tools/test/.docstrings');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Example {
  readonly name: string;
  readonly code: string;
}

/** The examples of a source file; each is known by the file and by the name that is declared next. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*?@example(?:(?!\*\/)[\s\S])*)\*\/\s*(.*)/g)].map(([, comment, declaration]) => {
    const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''));
    const example = /@example\s*([\s\S]*?)(?=\n@|$)/.exec(lines.join('\n'))?.[1].trim() ?? '';
    const declared = declaration.replace(/^(?:export|abstract|async|static|override|readonly|const|function|class|interface|\s)+/, '');
    return { name: `${file.replace(/^packages\//, '').replace('/src/', '/')} ${/^\w+/.exec(declared)?.[0] ?? ''}`, code: example };
  });
}

const examples = readdirSync(join(root, 'packages'))
  .flatMap((folder) => {
    const source = `packages/${folder}/src`;
    try {
      return readdirSync(join(root, source), { recursive: true, encoding: 'utf8' }).map((file) => `${source}/${file}`);
    } catch {
      return []; // A package of an addon has no source.
    }
  })
  .filter((file) => file.endsWith('.ts'))
  .flatMap(examplesOf);

const net = 'class Net extends nn.Module { layer = new nn.Linear(1, 1); forward(x: Tensor): Tensor { return this.layer.forward(x); } }';
const distributed = "import * as distributed from '@flambeau/distributed'; distributed.initProcessGroup({ backend: 'mpi' });";
const distributedNet = (name: string): string =>
  `${distributed} const { DistributedDataParallel } = distributed; ${net} const model = new DistributedDataParallel(new Net()); const ${name} = (y: Tensor) => y.square().mean(); const [first, second] = [rand(2, 1), rand(2, 1)];`;

/** What stands before an example, and what has to hold after it. */
const around: Readonly<Record<string, { before?: string; after?: string }>> = {
  'autograd/function.ts customFunction': {
    before: "import { customFunction } from 'flambeau';",
    after:
      'const x = tensor([2], { dtype: "float32", requiresGrad: true }); (cube(x) as Tensor).sum().backward(); check(x.grad?.itemSync() === 12, x.grad);',
  },
  'data/stream.ts StreamDataset': { before: "import { StreamDataset, streamJsonLines } from '@flambeau/data';" },
  'data/workers/info.ts getWorkerInfo': {
    before: "import { getWorkerInfo, IterableDataset } from '@flambeau/data';",
    after: 'check([...({ [Symbol.iterator]: () => new Numbers()[Symbol.iterator]() })].length === 100, "all numbers outside workers");',
  },
  'data/workers/messages.ts WorkerSource': {
    before:
      "import { Dataset as Base } from '@flambeau/data'; abstract class Dataset<T> extends Base<T> { folder = 'digits'; length = 0; get(): T { throw new Error('none'); } }",
    after: "check(new Images().workerSource().args[0] === 'digits', 'workerSource');",
  },
  'distributed/collectives.ts allReduce': {
    before: `${distributed} const { allReduce } = distributed; const loss = tensor([3.5]);`,
    after: 'check(loss.itemSync() === 3.5, loss);', // The mean over one process.
  },
  'distributed/collectives.ts barrier': { before: `${distributed} const { barrier } = distributed;` },
  'distributed/distributedDataParallel.ts DistributedDataParallel': {
    // Its `…` between the lines: the loss and the optimizer are made of the model, so they look it up when they are used.
    before: `${distributed} const { DistributedDataParallel } = distributed; ${net.replace('Net', 'CNN')}
      const loss = { backward: (): void => model.forward(rand(4, 1).add(1)).square().sum().backward() };
      const optimizer = { step: (): void => new optim.SGD(model.parameters(), { lr: 0.1 }).step() };`,
    after: 'check(model.module.layer.weight.grad !== undefined, "a gradient");',
  },
  'distributed/distributedDataParallel.ts noSync': {
    before: distributedNet('loss'),
    after: 'check(model.module.layer.weight.grad !== undefined, "a gradient");',
  },
  'distributed/init.ts initProcessGroup': {
    before: "import { getRank, getWorldSize, initProcessGroup } from '@flambeau/distributed';",
    after: 'check(getWorldSize() === 1, getWorldSize());',
  },
  'distributed/objects.ts broadcastObject': {
    before: `${distributed} const { broadcastObject, getRank } = distributed; const readSettings = () => Promise.resolve({ lr: 0.1 });`,
    after: 'check(settings?.lr === 0.1, settings);',
  },
  'distributed/objects.ts onRankZero': {
    before: `${distributedNet('loss')} const { onRankZero } = distributed; const { save } = flambeau;`,
    after: "import { existsSync } from 'node:fs'; check(existsSync('model.safetensors'), 'the file');",
  },
  'distributed/objects.ts readOnRankZero': {
    before: `${distributedNet('loss')} const { readOnRankZero } = distributed; const { load, save } = flambeau;
      const saved = new Net(); await save(saved.stateDict(), 'model.safetensors');`,
    after: 'check(model.module.layer.weight.equal(saved.layer.weight), "the weights");',
  },
  'nn/module.ts Module': { after: 'check(new Net().forward(rand(3, 1)).shape.join() === "3,1", "the shape");' },
  'nn/summary.ts summary': { before: "import { summary } from '@flambeau/nn';" },
  'nn/utils/skipInit.ts skipInit': { after: 'check(layer.weight.shape.join() === "3,2", layer.weight.shape);' },
  'optim/swaUtils.ts AveragedModel': {
    before: 'const model = new nn.Linear(2, 1);',
    after: 'averaged.updateParameters(model); check(averaged.module.weight.equal(model.weight), "the first average");',
  },
  'serialization/load.ts openFile': {
    before: `import { openFile, save } from '@flambeau/serialization';
      await save({ 'conv1.0.weight': tensor([1, 2]) }, 'model.safetensors');`,
    after: 'check(weight.shape.join() === "2", weight.shape);',
  },
  'vision/datasets/folder.ts fromFiles': {
    before:
      "import { ImageFolder } from '@flambeau/vision'; const [file1, file2, file3] = ['1.png', '2.png', '3.png'].map((name) => new File([], name));",
    after: "check(ImageFolder.fromFiles({ cat: [file1, file2], dog: [file3] }).classes.join() === 'cat,dog', 'classes');",
  },
};

/** One program of an example: imports to the top, the rest in a function, so that `await` and every name is its own. */
function programOf({ name, code }: Example): string {
  const { before = '', after = '' } = around[name] ?? {};
  const imports: string[] = [];
  const body = `${before}\n${code}\n${after}`.replace(/import [^;\n]*? from '[^']+';/g, (statement) => {
    imports.push(statement);
    return '';
  });
  return `import * as flambeau from 'flambeau';
import { nn, optim, rand, tensor, type Tensor } from 'flambeau';
${[...new Set(imports)].join('\n')}
const F = nn.functional;
const check = (holds: boolean, what: unknown): void => { if (!holds) throw new Error('does not hold: ' + String(what)); };
await (async () => {
${body}
})();`;
}

const fileOf = (name: string): string => join(scratch, `${name.replaceAll(/[^A-Za-z0-9]/g, '_')}.ts`);
let ran: ReadonlyMap<string, Ran>;
beforeAll(async () => {
  mkdirSync(scratch, { recursive: true });
  for (const example of examples) writeFileSync(fileOf(example.name), programOf(example));
  ran = await runTogether(examples.map(({ name }) => fileOf(name)));
});

describe('the docstring examples', () => {
  it('are all known here, and there is none that is not', () => {
    expect(examples.map(({ name }) => name).sort()).toEqual(Object.keys(around).sort());
  });

  it.each(examples)('$name runs', ({ name }) => {
    expect(ran.get(fileOf(name))).toMatchObject({ stderr: '' });
  });
});
