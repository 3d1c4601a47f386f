import type { Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';

interface LossOptions {
  reduction?: F.Reduction;
}

/** Mean squared error. */
export class MSELoss extends Module {
  readonly options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.options);
  }
}

/** Mean absolute error. */
export class L1Loss extends Module {
  readonly options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.options);
  }
}

/** Cross-entropy of logits [N, C] and class indices [N], or probabilities. */
export class CrossEntropyLoss extends Module {
  readonly options: F.CrossEntropyOptions;

  constructor(options: F.CrossEntropyOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, this.options);
  }
}

/** Negative log-likelihood of log-probabilities [N, C] and class indices [N]. */
export class NLLLoss extends Module {
  readonly options: F.CrossEntropyOptions;

  constructor(options: F.CrossEntropyOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, this.options);
  }
}

/** Binary cross-entropy of logits. */
export class BCEWithLogitsLoss extends Module {
  readonly options: F.BCEWithLogitsOptions;

  constructor(options: F.BCEWithLogitsOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, this.options);
  }
}
