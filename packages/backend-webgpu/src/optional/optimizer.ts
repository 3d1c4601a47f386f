import type { Operand, OptionalKernel } from '@flambeau/core';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { arePlain } from './operands.ts';

interface AdamAttrs {
  readonly amsgrad: boolean;
  readonly maximize: boolean;
  readonly decoupled: boolean;
}
interface SGDAttrs {
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly momentum: boolean;
  readonly first: boolean;
}

/** Steps of several parameters that wait to run as one dispatch. */
interface Group {
  /** The numbers and everything that the code depends on; and the latter alone. */
  readonly key: string;
  readonly way: string;
  readonly program: Program;
  /** Words of the numbers that the parameters share. */
  readonly numbers: readonly string[];
  readonly parts: { readonly count: number; readonly code: () => string }[];
}

/**
 * The steps of Adam, AdamW and SGD. The steps of parameters that follow each other with the same numbers become one dispatch, as many of
 * them as the adapter binds buffers.
 */
export function optimizerKernels(machine: Machine): Record<string, OptionalKernel> {
  const { queue } = machine;
  const most = Math.min(machine.limits.maxStorageBuffersPerShaderStage, 16);
  let group: Group | undefined;

  function emit(): void {
    const waiting = group;
    group = undefined;
    if (waiting === undefined) return;
    const { program, parts, way } = waiting;
    const ends = parts.map(({ count }) => program.word(count));
    const text = (): string => {
      let from = '0';
      let code = '';
      parts.forEach(({ code: own }, i) => {
        code += `{ let k = i - ${from}; if (k >= 0 && k < ${ends[i]}) { ${own()} } }\n  `;
        from = `(${from} + ${ends[i]})`;
      });
      return code;
    };
    program.run(
      parts.reduce((sum, { count }) => sum + count, 0),
      text,
      `${way} ${parts.length}`,
    );
  }

  /** Adds one parameter's step to the group that waits, or begins another. `code` is written over the operands' accessors. */
  function join(
    name: string,
    key: string,
    numbers: readonly number[],
    operands: readonly Operand[],
    code: (load: (k: number) => string, store: (k: number, value: string) => string, numbers: readonly string[]) => string,
  ): void {
    queue.faults.check();
    const way = `${name} ${key} ${operands.length}`;
    const whole = `${way} ${numbers.join()}`;
    if (group !== undefined && (group.key !== whole || group.program.size + operands.length > most || group.program.wordCount > 100))
      emit();
    if (group === undefined) {
      const program = new Program(machine, name);
      group = { key: whole, way, program, numbers: numbers.map((v) => program.float(v)), parts: [] };
    }
    const { program, parts } = group;
    const places = operands.map((x, k) => ({ index: program.operand(x, k !== 1), at: program.word(x.offset) }));
    const { numbers: shared } = group;
    parts.push({
      count: operands[0].count,
      code: () =>
        code(
          (k) => `load${places[k].index}(k + ${places[k].at})`,
          (k, value) => `store${places[k].index}(k + ${places[k].at}, ${value});`,
          shared,
        ),
    });
    queue.defer(emit);
  }

  const adamStep: OptionalKernel = {
    accepts: arePlain,
    run(inputs, _outputs, attrs, [lr, beta1, beta2, eps, weightDecay, step]) {
      const { amsgrad, maximize, decoupled } = attrs as AdamAttrs;
      const numbers = [lr / (1 - beta1 ** step), beta1, 1 - beta1, beta2, 1 - beta2, 1 / Math.sqrt(1 - beta2 ** step), eps, decoupled ? 1 - lr * weightDecay : weightDecay]; // prettier-ignore
      const decays = weightDecay !== 0;
      join('adamStep', `${amsgrad} ${maximize} ${decoupled} ${decays}`, numbers, inputs, (load, store, [rate, b1, c1, b2, c2, root, small, decay]) => `var value = ${load(0)};
    var g = ${maximize ? '-' : ''}${load(1)};
    ${decays ? (decoupled ? `value *= ${decay};` : `g += ${decay} * value;`) : ''}
    let m = ${b1} * ${load(2)} + ${c1} * g;
    let v = ${b2} * ${load(3)} + ${c2} * g * g;
    ${store(2, 'm')} ${store(3, 'v')}
    ${amsgrad ? `let top = max(${load(4)}, v); ${store(4, 'top')}` : 'let top = v;'}
    ${store(0, `value - ${rate} * m / (sqrt(top) * ${root} + ${small})`)}`); // prettier-ignore
    },
  };

  const sgdStep: OptionalKernel = {
    accepts: arePlain,
    run(inputs, _outputs, attrs, [lr, momentum, dampening, weightDecay]) {
      const { nesterov, maximize, first } = attrs as SGDAttrs;
      const keeps = inputs.length > 2;
      const decays = weightDecay !== 0;
      join('sgdStep', `${nesterov} ${maximize} ${first} ${decays}`, [lr, momentum, 1 - dampening, weightDecay], inputs, (load, store, [rate, mu, fresh, decay]) => `let value = ${load(0)};
    var d = ${maximize ? '-' : ''}${load(1)};
    ${decays ? `d += ${decay} * value;` : ''}
    ${keeps ? `let b = ${first ? 'd' : `${mu} * ${load(2)} + ${fresh} * d`}; ${store(2, 'b')} d = ${nesterov ? `d + ${mu} * b` : 'b'};` : ''}
    ${store(0, `value - ${rate} * d`)}`); // prettier-ignore
    },
  };

  return { adamStep, sgdStep };
}
