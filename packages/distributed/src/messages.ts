import { ArgumentError, checkInteger, checkTensor, readCall, required, type Call, type Tensor } from '@flambeau/core';
import type { CollectiveOptions } from './collectives.ts';
import { carryOut } from './exchange.ts';
import { checkTimeout, groupOf, rankInGroup } from './group.ts';
import type { Work } from './work.ts';

/** Options of a message. */
interface MessageOptions extends CollectiveOptions {
  /** Tells messages of one rank apart; 0 by default. */
  tag?: number;
}
interface SendOptions extends MessageOptions {
  /** The rank that receives. */
  dst: number;
}
interface ReceiveOptions extends MessageOptions {
  /** The rank that sends; any of the group when missing. */
  src?: number;
}

/** Most that every MPI takes as a tag. */
const largestTag = 32767;

function checkTag(op: string, tag: number): number {
  if (checkInteger(op, 'tag', tag, 0) <= largestTag) return tag;
  throw new ArgumentError({ op, expected: `a tag of at most ${largestTag}`, received: String(tag) });
}

/**
 * Sends a tensor to rank `dst`, which receives it with `recv`. Arguments: dst, group, tag (0).
 * The handle is done when the tensor may be changed again, which need not mean that it has arrived.
 */
export function send(x: Tensor, ...args: Call<SendOptions, ['dst', 'group', 'tag']>): Work<Tensor> {
  const name = 'send';
  checkTensor(name, 'the argument', x);
  const { dst, group: given, tag = 0, timeout } = readCall<Partial<SendOptions>>(name, args, ['dst', 'group', 'tag'], ['timeout']);
  const group = groupOf(name, given);
  const peer = rankInGroup(name, 'dst', group, required(name, 'dst', dst));
  return carryOut(
    {
      op: name,
      kind: 'send',
      group,
      like: x,
      peer,
      tag: checkTag(name, tag),
      send: { tensors: [x], read: true, write: false },
      timeout: checkTimeout(name, timeout),
      detail: `to rank ${dst}`,
    },
    () => x,
  );
}

/**
 * Receives a tensor that rank `src`, or any where it is not given, has sent, in place. Arguments: src, group, tag (0).
 * @param x - of the shape and dtype that is sent
 */
export function recv(x: Tensor, ...args: Call<ReceiveOptions, ['src', 'group', 'tag']>): Work<Tensor> {
  const name = 'recv';
  checkTensor(name, 'the argument', x);
  const { src, group: given, tag = 0, timeout } = readCall<ReceiveOptions>(name, args, ['src', 'group', 'tag'], ['timeout']);
  const group = groupOf(name, given);
  const peer = src === undefined ? -1 : rankInGroup(name, 'src', group, src);
  return carryOut(
    {
      op: name,
      kind: 'recv',
      group,
      like: x,
      peer,
      tag: checkTag(name, tag),
      receive: { tensors: [x], read: false, write: true },
      timeout: checkTimeout(name, timeout),
      detail: src === undefined ? 'from any rank' : `from rank ${src}`,
    },
    () => x,
  );
}
