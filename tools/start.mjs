// `npm start`: builds the addon where there is a C++ compiler, and trains the tutorial's CNN on MNIST; arguments are the app's.
import { runApp } from './app.mjs';
import { runSteps } from './run.mjs';
import { buildAddon } from './native.mjs';

// Without an addon the embedded WebAssembly runs: the step says so, and the app which engine it is.
runSteps([buildAddon]);
process.exitCode = runApp('cnn', process.argv.slice(2));
