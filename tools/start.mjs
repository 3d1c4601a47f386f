// `npm start`: builds what is needed and trains an app.
import { runApp } from './app.mjs';

process.exitCode = runApp('regression', process.argv.slice(2));
