// A shoald to talk to, and a proxy that loses connections or is slow, as a test says.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SHOALD = join(process.env.SHOAL_BUILD, 'bin', 'shoald');

export async function freePort() {
    const probe = net.createServer();
    await new Promise((resolve) => { probe.listen(0, '127.0.0.1', resolve); });
    const { port } = probe.address();
    await new Promise((resolve) => { probe.close(resolve); });
    return port;
}

export class Server {
    // flags: more words for shoald, or what makes them of the folder.
    static async start({ shards = 1, io = 'uring', flags = [] } = {}) {
        const server = new Server();
        server.folder = mkdtempSync(join(tmpdir(), 'shoal-node-'));
        server.unix = `unix:${server.folder}/socket`;
        server.address = `127.0.0.1:${await freePort()}`;
        server.said = '';
        const more = typeof flags === 'function' ? flags(server.folder) : flags;
        const words = ['--listen', server.address, '--listen', server.unix, '--shards', String(shards), '--io', io, ...more];
        server.process = spawn(SHOALD, words, { stdio: ['ignore', 'pipe', 'pipe'] });
        for (const stream of [server.process.stdout, server.process.stderr]) stream.on('data', (text) => { server.said += text; });
        server.ended = new Promise((resolve) => { server.process.on('exit', (code) => resolve(code)); });
        for (let i = 0; i < 200 && server.process.exitCode === null; i++) {
            if (await server.answers()) return server;
            await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
        throw new Error(`shoald did not start:\n${server.said}`);
    }

    answers() {
        const [host, port] = this.address.split(':');
        return new Promise((resolve) => {
            const probe = net.connect(Number(port), host, () => { probe.destroy(); resolve(true); });
            probe.on('error', () => resolve(false));
        });
    }

    async stop() {
        this.process.kill('SIGTERM');
        const code = await this.ended;
        rmSync(this.folder, { recursive: true });
        if (code !== 0) throw new Error(`shoald ended with ${code}:\n${this.said}`);
    }
}

// lose(n): the next n connections that bring an answer are cut before it goes back, so that the request was done and nobody was told.
// pauseMs: before each answer. The first answer of a connection is its greeting, and passes.
export class Proxy {
    static async start(target) {
        const proxy = new Proxy();
        const [host, port] = target.split(':');
        Object.assign(proxy, { toLose: 0, lost: 0, connections: 0, pauseMs: 0, pairs: new Set() });
        proxy.listening = net.createServer((near) => {
            proxy.connections++;
            const far = net.connect({ host, port: Number(port), noDelay: true });
            const pair = [near, far];
            proxy.pairs.add(pair);
            const end = () => {
                proxy.pairs.delete(pair);
                for (const one of pair) one.destroy();
            };
            let greeted = false;
            near.on('data', (data) => far.write(data));
            far.on('data', (data) => {
                if (greeted && proxy.toLose > 0) {
                    proxy.toLose--;
                    proxy.lost++;
                    end();
                } else if (greeted && proxy.pauseMs > 0) {
                    setTimeout(() => near.destroyed || near.write(data), proxy.pauseMs);
                } else {
                    near.write(data);
                }
                greeted = true;
            });
            for (const one of pair) one.on('error', end).on('close', end);
        });
        await new Promise((resolve) => { proxy.listening.listen(0, '127.0.0.1', resolve); });
        proxy.address = `127.0.0.1:${proxy.listening.address().port}`;
        return proxy;
    }

    lose(count) {
        this.toLose += count;
    }

    cut() {
        for (const pair of this.pairs) for (const one of pair) one.destroy();
    }

    close() {
        this.cut();
        this.listening.close();
    }
}
