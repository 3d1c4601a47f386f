import { defineOp, dispatchOne, type Op, type Tensor } from '@flambeau/core';

const lookUpOp: Op = defineOp({
  name: 'lookUp',
  infer: ([x, table]) => [{ shape: x.shape, dtype: table.dtype }],
  compose([x, table]) {
    const [count, channels] = x.shape;
    const values = table.unsqueeze(0).expand([count, channels, 256]);
    return [values.gather(2, x.flatten(2).to('int64')).reshape(x.shape)];
  },
});

/** What a table [C, 256] has for each byte of images [N, C, ...], by channel. */
export const lookUp = (bytes: Tensor, table: Tensor): Tensor => dispatchOne(lookUpOp, [bytes.contiguous(), table], undefined);
