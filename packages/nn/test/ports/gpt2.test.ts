import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { devices } from '../../../conformance/test/engines.ts';

const F = nn.functional;
interface Fixture {
  losses: number[];
  norms: number[];
  keys: string[];
  parameters: string[];
  text: string;
}
const expected = JSON.parse(readFileSync(new URL('./gpt2.json', import.meta.url), 'utf8')) as Fixture;
const [vocab, blockSize, layers, heads, width, dropout] = [65, 16, 2, 2, 32, 0.1];

class CausalSelfAttention extends nn.Module {
  c_attn = new nn.Linear(width, 3 * width);
  c_proj = new nn.Linear(width, width);
  resid_dropout = new nn.Dropout(dropout);

  forward(x: f.Tensor): f.Tensor {
    const [B, T, C] = x.size();
    const [q, k, v] = this.c_attn.forward(x).split(width, 2).map((t) => t.view(B, T, heads, C / heads).transpose(1, 2)); // prettier-ignore
    const y = F.scaledDotProductAttention(q, k, v, { dropoutP: this.training ? dropout : 0, isCausal: true });
    return this.resid_dropout.forward(this.c_proj.forward(y.transpose(1, 2).contiguous().view(B, T, C)));
  }
}

class MLP extends nn.Module {
  c_fc = new nn.Linear(width, 4 * width);
  gelu = new nn.GELU({ approximate: 'tanh' });
  c_proj = new nn.Linear(4 * width, width);
  dropout = new nn.Dropout(dropout);

  forward(x: f.Tensor): f.Tensor {
    return this.dropout.forward(this.c_proj.forward(this.gelu.forward(this.c_fc.forward(x))));
  }
}

class Block extends nn.Module {
  ln_1 = new nn.LayerNorm(width);
  attn = new CausalSelfAttention();
  ln_2 = new nn.LayerNorm(width);
  mlp = new MLP();

  forward(input: f.Tensor): f.Tensor {
    const x = input.add(this.attn.forward(this.ln_1.forward(input)));
    return x.add(this.mlp.forward(this.ln_2.forward(x)));
  }
}

class Transformer extends nn.Module {
  wte = new nn.Embedding(vocab, width);
  wpe = new nn.Embedding(blockSize, width);
  drop = new nn.Dropout(dropout);
  h = new nn.ModuleList(Array.from({ length: layers }, () => new Block()));
  ln_f = new nn.LayerNorm(width);

  forward(idx: f.Tensor): f.Tensor {
    const pos = f.arange(idx.size(1), { dtype: 'int32' });
    let x = this.drop.forward(this.wte.forward(idx).add(this.wpe.forward(pos)));
    for (const block of this.h) x = block.forward(x);
    return this.ln_f.forward(x);
  }
}

class GPT extends nn.Module {
  transformer = new Transformer();
  lm_head = new nn.Linear(width, vocab, { bias: false });

  constructor() {
    super();
    this.transformer.wte.weight = this.lm_head.weight;
    this.apply((module) => {
      if (module instanceof nn.Linear) {
        nn.init.normal_(module.weight, { mean: 0, std: 0.02 });
        if (module.bias !== null) nn.init.zeros_(module.bias);
      } else if (module instanceof nn.Embedding) nn.init.normal_(module.weight, { mean: 0, std: 0.02 });
    });
    for (const [name, p] of this.namedParameters())
      if (name.endsWith('c_proj.weight')) nn.init.normal_(p, { mean: 0, std: 0.02 / Math.sqrt(2 * layers) });
  }

  forward(idx: f.Tensor, targets: f.Tensor): f.Tensor {
    const logits = this.lm_head.forward(this.transformer.forward(idx));
    return F.crossEntropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), { ignoreIndex: -1 });
  }
}

it.each(devices)(
  'on %s, a GPT-2 trains with dropout, tied weights and clipping to the losses that PyTorch gives for the same seed',
  (_, device) => {
    f.setDefaultDevice(device);
    f.manualSeed(1337);
    const model = new GPT();
    const decay = [...model.parameters()].filter((p) => p.dim() >= 2);
    const nodecay = [...model.parameters()].filter((p) => p.dim() < 2);
    const groups = [
      { params: decay, weightDecay: 0.1 },
      { params: nodecay, weightDecay: 0 },
    ];
    const optimizer = new optim.AdamW(groups, { lr: 3e-3, betas: [0.9, 0.95] });
    const data = f.randint(0, vocab, [4, blockSize + 1]);

    expected.losses.forEach((wanted, i) => {
      const loss = model.forward(data.at(':', ':-1'), data.at(':', '1:'));
      loss.backward();
      const norm = nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      optimizer.zeroGrad();
      expect(Math.abs(loss.itemSync() - wanted)).toBeLessThanOrEqual(1e-4 * wanted);
      expect(Math.abs(norm.itemSync() - expected.norms[i])).toBeLessThanOrEqual(1e-3 * expected.norms[i]);
    });

    // The embedding and the head are one parameter: it comes once among the parameters, and by both names in the state.
    expect([...model.namedParameters()].map(([name]) => name)).toEqual(expected.parameters);
    expect([...model.stateDict().keys()]).toEqual(expected.keys);
    expect(String(model).replace('Transformer(', 'ModuleDict(')).toBe(expected.text);
  },
);
