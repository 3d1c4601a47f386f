// The page: reads the form, starts the thread that trains, and shows what it tells.
import { renderSvg } from '@flambeau/plot';
import { apps } from './apps.ts';
import type { FromTrainer, ToTrainer } from './messages.ts';

type State = 'ready' | 'starting' | 'running' | 'stopping' | 'stopped' | 'finished' | 'failed';

function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} called ${id}`);
  return found;
}
const form = element('form', HTMLFormElement);
const appSelect = element('app', HTMLSelectElement);
const deviceSelect = element('device', HTMLSelectElement);
const progress = element('progress', HTMLProgressElement);
const input = (id: string): HTMLInputElement => element(id, HTMLInputElement);
const button = (id: string): HTMLButtonElement => element(id, HTMLButtonElement);
const show = (id: string, text: string): void => {
  element(id, HTMLElement).textContent = text;
};

let trainer: Worker | undefined;
const tell = (message: ToTrainer): void => trainer?.postMessage(message);

function setState(state: State, text: string = state): void {
  document.body.dataset.state = state;
  show('state', text);
  button('train').disabled = state === 'starting' || state === 'running' || state === 'stopping';
  button('stop').disabled = state !== 'running';
  button('resume').disabled = state !== 'stopped';
}

function showApp(): void {
  const app = apps.find(({ name }) => name === appSelect.value) ?? apps[0];
  show('description', app.description);
  for (const name of ['epochs', 'batchSize', 'lr'] as const) input(name).value = String(app[name]);
}

function showChart(name: string, svg: string): void {
  const id = `chart-${name}`;
  let figure = document.getElementById(id);
  if (figure === null) {
    figure = document.createElement('figure');
    figure.id = id;
    element('charts', HTMLElement).append(figure);
  }
  figure.innerHTML = svg;
}

const seconds = (time: number): string => (time < 90 ? `${time.toFixed(0)} s` : `${(time / 60).toFixed(1)} min`);

function receive(message: FromTrainer): void {
  switch (message.kind) {
    case 'log':
      element('log', HTMLElement).textContent += `${message.text}\n`;
      break;
    case 'started':
      show('engine', message.engine);
      progress.max = message.total;
      setState('running');
      break;
    case 'progress': {
      const { step, total, loss, accuracy, samplesPerSecond, secondsLeft } = message.state;
      progress.value = step;
      show('step', `${step} / ${total}`);
      show('loss', loss.toFixed(6));
      if (accuracy !== null) show('accuracy', accuracy.toFixed(4));
      show('speed', `${samplesPerSecond.toFixed(0)} samples/s`);
      show('left', seconds(secondsLeft));
      break;
    }
    case 'chart':
      showChart(message.name, renderSvg(message.definition));
      break;
    case 'stopped':
      setState('stopped', `stopped after step ${message.step}`);
      break;
    case 'resumed':
      setState('running');
      break;
    case 'finished': {
      const { losses, accuracy, seconds: time } = message.result;
      show('loss', (losses.at(-1) ?? NaN).toFixed(6));
      if (accuracy !== null) show('accuracy', accuracy.toFixed(4));
      setState('finished', `finished: ${losses.length} steps in ${time.toFixed(1)} s`);
      break;
    }
    case 'failed':
      setState('failed', message.message);
      break;
    default:
      message satisfies never;
  }
}

function train(): void {
  trainer?.terminate();
  for (const id of ['step', 'loss', 'accuracy', 'speed', 'left', 'engine']) show(id, '-');
  show('log', '');
  element('charts', HTMLElement).replaceChildren();
  progress.value = 0;
  setState('starting', 'starting');
  trainer = new Worker(new URL('./trainer.ts', import.meta.url), { type: 'module' });
  trainer.onmessage = ({ data }: MessageEvent<FromTrainer>) => receive(data);
  trainer.onerror = ({ message }) => setState('failed', message === '' ? 'the training thread did not load' : message);
  const steps = input('steps').value;
  tell({
    kind: 'train',
    app: appSelect.value,
    device: deviceSelect.value,
    mnistRoot: new URL('mnist/', document.baseURI).href,
    options: {
      seed: input('seed').valueAsNumber,
      epochs: input('epochs').valueAsNumber,
      steps: steps === '' ? undefined : Number(steps),
      batchSize: input('batchSize').valueAsNumber,
      lr: input('lr').valueAsNumber,
    },
  });
}

for (const { name } of apps) appSelect.append(new Option(name, name));
appSelect.addEventListener('change', showApp);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  train();
});
button('stop').addEventListener('click', () => {
  setState('stopping', 'stopping after this step');
  tell({ kind: 'stop' });
});
button('resume').addEventListener('click', () => tell({ kind: 'resume' }));
if ((navigator as { gpu?: unknown }).gpu === undefined) {
  const option = deviceSelect.querySelector<HTMLOptionElement>('option[value=webgpu]');
  if (option !== null) Object.assign(option, { disabled: true, textContent: 'GPU (this browser has no WebGPU)' });
}
showApp();
