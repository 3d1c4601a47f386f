import { checkTensor, DTypeError, linear as apply, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { product } from './size.ts';

interface LinearOptions {
  /** Shape [outFeatures, inFeatures]. */
  weight: Tensor;
  /** Shape [outFeatures]. */
  bias?: Tensor | null;
}

/** `y = x Wᵀ + b`: x [..., inFeatures] → [..., outFeatures]. @throws ShapeError when the last dimension of x is not inFeatures */
export function linear(x: Tensor, ...args: Call<LinearOptions, ['weight', 'bias']>): Tensor {
  checkTensor('linear', 'input', x);
  const { weight, bias } = readCall<LinearOptions>('linear', args, ['weight', 'bias']);
  checkTensor('linear', 'weight', weight);
  if (bias) checkTensor('linear', 'bias', bias);
  return apply(x, weight, bias);
}

interface BilinearOptions {
  /** The second input, shape [..., in2]. */
  input2: Tensor;
  /** Shape [out, in1, in2]. */
  weight: Tensor;
  /** Shape [out]. */
  bias?: Tensor | null;
}

/** `y[o] = x1ᵀ W[o] x2 + b[o]`: x1 [..., in1] and x2 [..., in2] give [..., out]. */
export function bilinear(x1: Tensor, ...args: Call<BilinearOptions, ['input2', 'weight', 'bias']>): Tensor {
  const op = 'bilinear';
  const { input2: x2, weight, bias } = readCall<BilinearOptions>(op, args, ['input2', 'weight', 'bias']);
  for (const [name, x] of Object.entries({ input1: x1, input2: x2, weight })) checkTensor(op, name, x);
  if (bias) checkTensor(op, 'bias', bias);
  const [lead, other] = [x1.shape.slice(0, -1), x2.shape.slice(0, -1)];
  const fits = weight.ndim === 3 && x1.ndim > 0 && x1.ndim === x2.ndim && showShape(lead) === showShape(other);
  if (!fits || x1.shape[x1.ndim - 1] !== weight.shape[1] || x2.shape[x2.ndim - 1] !== weight.shape[2]) {
    throw new ShapeError({
      op,
      expected: 'inputs [..., in1] and [..., in2] and a weight [out, in1, in2]',
      received: [x1, x2, weight].map((x) => showShape(x.shape)).join(', '),
    });
  }
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== weight.shape[0]))
    throw new ShapeError({ op, expected: `a bias of shape [${weight.shape[0]}]`, received: showShape(bias.shape) });
  if (x1.dtype !== weight.dtype || x2.dtype !== weight.dtype)
    throw new DTypeError({ op, expected: 'inputs and weight of one dtype', received: [x1, x2, weight].map((x) => x.dtype).join(', ') });
  const [out, in1, in2] = weight.shape;
  const rows = product(lead);
  // x1 [R, in1] · W as [in1, out·in2] → [R, out, in2], times x2 [R, 1, in2], summed over in2
  const left = x1.reshape([rows, in1]).matmul(weight.transpose(0, 1).reshape([in1, out * in2])).reshape([rows, out, in2]); // prettier-ignore
  const y = left.mul(x2.reshape([rows, 1, in2])).sum(2).reshape([...lead, out]); // prettier-ignore
  return bias ? y.add(bias) : y;
}
