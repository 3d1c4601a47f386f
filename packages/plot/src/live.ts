import { ArgumentError, describe } from '@flambeau/core';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const page = `<!doctype html>
<meta charset="utf-8">
<title>Flambeau</title>
<style>body{font:16px system-ui;margin:2rem;background:#fafafa;color:#222}figure{margin:0 0 1.5rem}#state{color:#666}</style>
<h1 id="title">Flambeau</h1>
<p id="state">waiting for the first step</p>
<div id="charts"></div>
<script>
  const events = new EventSource('events');
  const state = document.getElementById('state');
  events.onmessage = ({ data }) => {
    const { title, text, charts } = JSON.parse(data);
    document.getElementById('title').textContent = title;
    state.textContent = text;
    for (const [name, svg] of Object.entries(charts)) {
      let figure = document.getElementById('chart-' + name);
      if (!figure) {
        figure = document.createElement('figure');
        figure.id = 'chart-' + name;
        document.getElementById('charts').append(figure);
      }
      figure.innerHTML = svg;
    }
  };
  events.onerror = () => { state.textContent += ' (the run has ended)'; events.close(); };
</script>`;

/** What a live page shows: a line of text, and charts as SVG by name. */
export interface LiveState {
  readonly title: string;
  readonly text: string;
  readonly charts: Readonly<Record<string, string>>;
}

/** A page on localhost that shows a run while it goes on, over server-sent events. */
export class LivePage {
  private readonly server: Server;
  private readonly listeners = new Set<ServerResponse>();
  private last: string | undefined;
  /** Where the page is. */
  readonly address: string;

  private constructor(server: Server, address: string) {
    this.server = server;
    this.address = address;
  }

  /** Serves the page on a free port of 127.0.0.1, or on `port`. It does not keep the process alive. */
  static async open(port = 0): Promise<LivePage> {
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new ArgumentError({ op: 'LivePage.open', expected: 'a port from 0 to 65535', received: describe(port) });
    const server = createServer((request, response) => {
      if (request.url === '/events') live.subscribe(response);
      else if (request.url === '/') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
    server.unref();
    const live = new LivePage(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return live;
  }

  private subscribe(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' });
    this.listeners.add(response);
    response.on('close', () => this.listeners.delete(response));
    if (this.last !== undefined) response.write(this.last);
  }

  /** Shows a new state on every open page. */
  show(state: LiveState): void {
    this.last = `data: ${JSON.stringify(state)}\n\n`;
    for (const listener of this.listeners) listener.write(this.last);
  }

  /** Ends the pages' streams and the server. */
  async close(): Promise<void> {
    for (const listener of this.listeners) listener.end();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
