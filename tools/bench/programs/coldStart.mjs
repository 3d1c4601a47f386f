// From the start of the process to its first result, as a program of a user has it.
import { tensor } from 'flambeau';

console.log(String(tensor([1, 2, 3]).mul(2).add(1)));
