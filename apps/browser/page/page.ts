// The page: reads the form, starts the thread that trains, and shows what it tells.
import { renderSvg, type ChartDefinition } from '@flambeau/plot';
import { rate, type App } from '@flambeau/app-harness';
import { apps } from './apps.ts';
import type { FromTrainer, ToTrainer } from './messages.ts';

type State = 'ready' | 'starting' | 'running' | 'stopping' | 'stopped' | 'evaluating' | 'finished' | 'failed';

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
const show = (id: string, text: string): void => {
  element(id, HTMLElement).textContent = text;
};

let trainer: Worker | undefined;
const tell = (message: ToTrainer): void => trainer?.postMessage(message);

let state: State = 'ready';
/** What the state is about; the form may name another app by now. */
let run = '';
/** Whether there are steps left to take. */
const going = (): State => (progress.position === 1 ? 'evaluating' : 'running');

const [trainButton, stopButton, resumeButton] = ['train', 'stop', 'resume'].map((id) => element(id, HTMLButtonElement));
/** Whether the focus is on a button, or was when that button was disabled. */
let steers = false;

function setState(next: State, text: string = next): void {
  state = next;
  document.body.dataset.state = state;
  show('state', run === '' ? text : `${run}: ${text}`);
  steers = document.activeElement instanceof HTMLButtonElement || (steers && document.activeElement === document.body);
  trainButton.disabled = ['starting', 'running', 'stopping', 'evaluating'].includes(state);
  stopButton.disabled = state !== 'starting' && state !== 'running';
  resumeButton.disabled = state !== 'stopped';
  // Who steers by the keyboard finds the focus on the button that is of use now.
  if (steers && !document.activeElement?.matches('button:enabled'))
    [stopButton, resumeButton, trainButton].find(({ disabled }) => !disabled)?.focus({ preventScroll: true });
}

const chosenApp = (): App => apps.find(({ name }) => name === appSelect.value) ?? apps[0];
const describeApp = (): void => show('description', chosenApp().description);

/** Fills in what an app has of its own. */
function fillIn(): void {
  const app = chosenApp();
  for (const name of ['epochs', 'batchSize', 'lr'] as const) input(name).value = String(app[name]);
}

function drawChart(name: string, definition: ChartDefinition): void {
  const id = `chart-${name}`;
  let figure = document.getElementById(id);
  if (figure === null) {
    figure = document.createElement('figure');
    figure.id = id;
    figure.setAttribute('aria-label', definition.title);
    element('charts', HTMLElement).append(figure);
  }
  // As wide as it is shown, so that its text is as large as the page's.
  const width = figure.clientWidth || 720;
  figure.innerHTML = renderSvg({ ...definition, width, height: Math.min(450, Math.max(260, width * 0.6)) });
}

/** The newest charts that are not drawn yet. */
const undrawn = new Map<string, ChartDefinition>();
function drawCharts(): void {
  const charts = [...undrawn];
  undrawn.clear();
  for (const [name, definition] of charts) drawChart(name, definition);
}

const seconds = (time: number): string => (time < 90 ? `${time.toFixed(0)} s` : `${(time / 60).toFixed(1)} min`);

function fail(message: string): void {
  // Nothing goes on any more.
  if (progress.position < 0) progress.value = 0;
  setState('failed', `failed. ${message}`);
}

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
      if (state === 'running' && going() !== state) setState(going());
      show('step', `${step} / ${total}`);
      show('loss', loss.toFixed(6));
      if (accuracy !== null) show('accuracy', accuracy.toFixed(4));
      show('speed', `${rate(samplesPerSecond)} samples/s`);
      show('left', seconds(secondsLeft));
      break;
    }
    case 'chart':
      // Drawn with the next frame: where drawing takes longer than training, older ones are left out.
      if (undrawn.size === 0) requestAnimationFrame(drawCharts);
      undrawn.set(message.name, message.definition);
      break;
    case 'stopped':
      setState('stopped', `stopped after step ${message.step}`);
      break;
    case 'resumed':
      setState(going());
      break;
    case 'finished': {
      const { losses, accuracy, seconds: time } = message.result;
      show('loss', (losses.at(-1) ?? NaN).toFixed(6));
      if (accuracy !== null) show('accuracy', accuracy.toFixed(4));
      drawCharts();
      setState('finished', `finished, ${losses.length} steps in ${time.toFixed(1)} s`);
      break;
    }
    case 'failed':
      fail(message.message);
      break;
    default:
      message satisfies never;
  }
}

/** Ends the thread, with whatever it was at. */
function end(): void {
  trainer?.terminate();
  trainer = undefined;
  undrawn.clear();
}

function train(): void {
  end();
  for (const id of ['step', 'loss', 'accuracy', 'speed', 'left', 'engine']) show(id, '-');
  show('log', '');
  element('charts', HTMLElement).replaceChildren();
  // Without a value it shows that something goes on, until the first step is done.
  progress.removeAttribute('value');
  run = `${appSelect.value} on ${deviceSelect.value}`;
  setState('starting');
  const thread = new Worker(new URL('./trainer.ts', import.meta.url), { type: 'module' });
  trainer = thread;
  thread.onmessage = ({ data }: MessageEvent<FromTrainer>) => {
    if (thread === trainer) receive(data);
  };
  thread.onerror = ({ message }) => fail(message === '' ? 'The training thread did not load: reload the page.' : message);
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

function stop(): void {
  if (state === 'starting') {
    end();
    progress.value = 0;
    setState('ready', 'stopped before its first step');
    return;
  }
  setState('stopping', 'stopping after this step');
  tell({ kind: 'stop' });
}

for (const { name } of apps) appSelect.append(new Option(name, name));
appSelect.addEventListener('change', () => {
  describeApp();
  fillIn();
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  train();
});
stopButton.addEventListener('click', stop);
resumeButton.addEventListener('click', () => tell({ kind: 'resume' }));
// A run lives in the page: who is about to leave it is asked.
addEventListener('beforeunload', (event) => {
  if (['running', 'stopping', 'stopped', 'evaluating'].includes(state)) event.preventDefault();
});
// Who comes back finds the form as it was.
addEventListener('pageshow', describeApp);
if ((navigator as { gpu?: unknown }).gpu === undefined) {
  const option = deviceSelect.querySelector<HTMLOptionElement>('option[value=webgpu]');
  const why = isSecureContext ? 'this browser has no WebGPU' : 'WebGPU needs https or localhost';
  if (option !== null) Object.assign(option, { disabled: true, textContent: `GPU (${why})` });
}
fillIn();
describeApp();
setState('ready');
