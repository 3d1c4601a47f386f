import type { Device, Tensor } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import type { AppOptions } from './app.ts';
import type { Platform } from './platform.ts';
import { Run } from './run.ts';
import { alone, type Team } from './team.ts';

/** What an app is given to train with. */
export class Session {
  readonly options: AppOptions;
  /** Where the network trains. Data are made on the default device, the CPU, and moved. */
  readonly device: Device;
  /** Who trains together. */
  readonly team: Team;
  private readonly name: string;
  private readonly platform: Platform;

  constructor(name: string, options: AppOptions, device: Device, platform: Platform, team: Team = alone) {
    this.name = name;
    this.options = options;
    this.device = device;
    this.platform = platform;
    this.team = team;
  }

  /** The folder or the address with the files of MNIST. */
  get mnistRoot(): string {
    return this.platform.mnistRoot;
  }

  /** Shows a line of text. */
  log(text: string): void {
    this.platform.log(text);
  }

  /** Shows the network and starts a run of `total` steps, or of fewer where the options say so. */
  async start(network: Module, total: number): Promise<Run> {
    const { device, name } = this;
    const { seed, steps = total } = this.options;
    this.log(String(network));
    const wanted = Math.min(steps, total);
    return new Run(name, await this.platform.start({ name, seed, device, network, total: wanted }), device, wanted);
  }

  /** Shows the first ten predictions beside the real numbers. */
  async showDigits(prediction: Tensor, real: Tensor): Promise<void> {
    const first = async (x: Tensor): Promise<string> => ((await x.at(':10').toArray()) as number[]).join(' ');
    this.log(`${await first(prediction)}  prediction`);
    this.log(`${await first(real)}  real number`);
  }
}
