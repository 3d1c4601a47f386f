import { DistributedSampler } from '@flambeau/data';
import { allReduce, DistributedDataParallel, getRank, getWorldSize, initProcessGroup, mpiInfo } from '@flambeau/distributed';
import type { Team } from '../team.ts';

/** The processes that mpirun has started; without it, one. */
export function mpiTeam(): Team {
  initProcessGroup({ backend: 'mpi' });
  const [rank, size] = [getRank(), getWorldSize()];
  let model: DistributedDataParallel | undefined;
  let sampler: DistributedSampler | undefined;
  if (rank === 0) console.log(`distributed: ${size} process${size === 1 ? '' : 'es'}, ${mpiInfo()?.version ?? 'without MPI'}`);
  return {
    rank,
    size,
    join: (network) => (model = new DistributedDataParallel(network)),
    order(data, seed) {
      sampler = new DistributedSampler(data, { numReplicas: size, rank, seed });
      return { sampler };
    },
    startEpoch: (epoch) => sampler?.setEpoch(epoch),
    async reduceGradients() {
      await model?.reduceGradients();
    },
    async mean(x) {
      const mean = x.detach().clone();
      await allReduce(mean, 'mean');
      return mean.item();
    },
  };
}
