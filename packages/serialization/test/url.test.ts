import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { ones, tensor, type Tensor } from '@flambeau/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, openFile, toBytes, type FileFormat } from '../src/index.ts';
import { codeOf, expectSame } from './helpers.ts';

/** 3 MB in two large tensors, and a small one between them. */
const state = (): Record<string, Tensor> => ({ first: ones(400_000), small: tensor([1, 2, 3]), last: ones(400_000).mul(2) });
const files = new Map<string, Uint8Array>();
let sent = 0;
let requests = 0;

function range(request: IncomingMessage, size: number): [number, number] | undefined {
  const found = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  return found === null ? undefined : [Number(found[1]), Math.min(Number(found[2]), size - 1)];
}

function send(response: ServerResponse, status: number, bytes: Uint8Array, headers: Record<string, string | number> = {}): void {
  response.writeHead(status, { 'content-length': bytes.length, ...headers });
  response.end(bytes);
  sent += bytes.length;
}

function sendPart(request: IncomingMessage, response: ServerResponse, file: Uint8Array, headers: Record<string, string> = {}): void {
  const asked = range(request, file.length);
  if (asked === undefined) send(response, 200, file, headers);
  else send(response, 206, file.subarray(asked[0], asked[1] + 1), { 'content-range': `bytes ${asked[0]}-${asked[1]}/${file.length}`, ...headers }); // prettier-ignore
}

/** What servers do, by the first part of the path; the file's name follows. */
const behaviours: Record<string, (request: IncomingMessage, response: ServerResponse, file: Uint8Array) => void> = {
  ranges: (request, response, file) => sendPart(request, response, file, { etag: '"one"' }),
  whole: (_, response, file) => send(response, 200, file),
  chunked: (_, response, file) => {
    response.writeHead(200);
    for (let at = 0; at < file.length; at += 65536) response.write(file.subarray(at, at + 65536));
    response.end();
  },
  gzipped: (request, response, file) => {
    // A part of packed bytes says nothing of the file's; a whole one is unpacked on the way.
    if (request.headers.range !== undefined) send(response, 206, gzipSync(file), { 'content-encoding': 'gzip', 'content-range': `bytes 0-${file.length - 1}/${file.length}` }); // prettier-ignore
    else send(response, 200, gzipSync(file), { 'content-encoding': 'gzip' });
  },
  misplaced: (request, response, file) => {
    if (request.headers.range?.startsWith('bytes=0-') ?? false) sendPart(request, response, file);
    else send(response, 206, file.subarray(0, 100), { 'content-range': `bytes 0-99/${file.length}` });
  },
  short: (request, response, file) => {
    const asked = range(request, file.length);
    if (asked === undefined || asked[0] === 0) sendPart(request, response, file);
    else send(response, 206, file.subarray(asked[0], asked[0] + 10), { 'content-range': `bytes ${asked[0]}-${asked[1]}/${file.length}` });
  },
  changing: (request, response, file) => sendPart(request, response, request.headers['if-range'] === undefined ? file : file.subarray(1), { etag: '"first"' }),
  unlocated: (_, response, file) => send(response, 206, file.subarray(0, 100)),
  endless: (_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(new Uint8Array(65536)));
    };
    response.on('drain', more);
    more();
  },
  stalls: (_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write(new Uint8Array(10));
  },
  missing: (_, response) => send(response, 404, new Uint8Array(0)),
  broken: (_, response) => send(response, 500, new Uint8Array(0)),
  empty: (request, response) => send(response, request.headers.range === undefined ? 200 : 416, new Uint8Array(0)),
}; // prettier-ignore

let server: Server;
let origin = '';
beforeAll(async () => {
  for (const format of ['safetensors', 'pt', 'npz'] as const satisfies FileFormat[]) files.set(`net.${format}`, await toBytes(state(), { format }));
  server = createServer((request, response) => {
    requests++;
    const [, behaviour, name] = (request.url ?? '').split('/');
    behaviours[behaviour](request, response, files.get(name) ?? new Uint8Array(0));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}); // prettier-ignore
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('a URL', () => {
  it.each(['safetensors', 'pt', 'npz'])('of a %s file gives one tensor by ranges, without the rest of the file', async (format) => {
    [sent, requests] = [0, 0];
    const file = await openFile(`${origin}/ranges/net.${format}`);
    expectSame(await file.tensor('small'), tensor([1, 2, 3]));
    await file.close();
    // The file has 3.2 MB; what comes are a few blocks of 256 KiB.
    expect(sent).toBeLessThan(1_200_000);
    expect(requests).toBeLessThanOrEqual(5);
  });

  it.each(['ranges', 'whole', 'chunked', 'gzipped'])('gives everything from a server that answers %s', async (behaviour) => {
    for (const name of files.keys()) {
      const loaded = await load(new URL(`${origin}/${behaviour}/${name}`));
      const tensors: Record<string, Tensor> = loaded instanceof Map ? Object.fromEntries(loaded) : loaded;
      for (const [key, expected] of Object.entries(state())) expectSame(tensors[key], expected);
    }
  });

  it.each(['whole', 'chunked', 'endless'])('is bounded where the server answers %s', async (behaviour) => {
    const error = await load(`${origin}/${behaviour}/net.pt`, { maxBytes: 1_000_000 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'FILE_LIMIT', file: `${origin}/${behaviour}/net.pt` });
  });

  it.each([
    ['misplaced', 'FILE_IO'],
    ['short', 'FILE_TRUNCATED'],
    ['changing', 'FILE_IO'],
    ['missing', 'FILE_NOT_FOUND'],
    ['broken', 'FILE_IO'],
    ['empty', 'FILE_TRUNCATED'],
  ])('whose server is %s is refused with %s', async (behaviour, code) => {
    expect(await codeOf(load(`${origin}/${behaviour}/net.safetensors`))).toBe(code);
  });

  it('of a server that is not there is refused', async () => {
    expect(await codeOf(load('http://127.0.0.1:1/net.pt'))).toBe('FILE_IO');
  });

  it('is read whole where a part cannot be placed, and then refused as what it is', async () => {
    // 100 bytes of 3.2 MB
    expect(await codeOf(load(`${origin}/unlocated/net.safetensors`))).toBe('FILE_TRUNCATED');
  });

  it('that stalls is stopped by a signal', async () => {
    const controller = new AbortController();
    const loading = codeOf(load(`${origin}/stalls/net.pt`, { signal: controller.signal }));
    setTimeout(() => controller.abort(new Error('enough')), 50);
    expect(await loading).toBe('ABORTED');
  });

  it('of data holds its bytes itself', async () => {
    const bytes = await toBytes({ x: tensor([1, 2]) });
    const loaded = await load<Record<string, Tensor>>(`data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`);
    expectSame(loaded['x'], tensor([1, 2]));
  });
});
