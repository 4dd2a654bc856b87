// The Node client and a server that wants tokens and speaks TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Server, freePort } from './support.mjs';

const shoal = await import(join(process.env.SHOAL_CLIENT, 'src', 'index.js'));
const { Client } = shoal;
const SHOAL = join(process.env.SHOAL_BUILD, 'bin', 'shoal');

async function failing(promise, Kind) {
    let error = null;
    await promise.then(() => {}, (why) => { error = why; });
    assert.ok(error instanceof Kind, `${Kind.name} wanted, got ${error}`);
    return error;
}

describe('tokens and TLS', () => {
    const at = { clients: [] };
    const open = (address, options) => {
        const client = new Client(address, { timeoutMs: 5000, ...options });
        at.clients.push(client);
        return client;
    };

    before(async () => {
        const tlsPort = await freePort();
        at.server = await Server.start({
            shards: 2,
            flags: (folder) => {
                at.folder = folder;
                const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
                openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=authority',
                    '-keyout', 'ca.key', '-out', 'ca.pem');
                openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=server', '-keyout', 'server.key',
                    '-out', 'server.csr');
                writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
                openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names',
                    '-out', 'server.pem');
                const access = join(folder, 'access');
                const token = (id, roles) => execFileSync(SHOAL, ['--format', 'json', 'token', 'create', id, '--roles', roles, '--access', access]).toString();
                at.tokens = Object.fromEntries([['all', 'admin,schema,ingest,audience,feed,export'], ['till', 'feed']]
                    .map(([id, roles]) => [id, /[\w-]+\.[\w-]{16,}/.exec(token(id, roles))[0]]));
                return ['--access', access, '--listen', `tls:127.0.0.1:${tlsPort}`, '--tls-certificate', join(folder, 'server.pem'), '--tls-key',
                    join(folder, 'server.key')];
            },
        });
        at.tls = `tls:127.0.0.1:${tlsPort}`;
        at.ca = execFileSync('cat', [join(at.folder, 'ca.pem')]);
    });
    after(async () => {
        for (const client of at.clients) client.close();
        await at.server.stop();
    });

    test('a token opens what its roles open', async () => {
        const owner = open(at.server.address, { token: at.tokens.all });
        await owner.call('schema.put', { users: {}, items: {}, events: [{ name: 'view' }] });
        await owner.put('users', [{ id: 'ann' }]);
        assert.equal((await owner.count('true')).total, 1);
        const till = open(at.server.address, { token: at.tokens.till });
        assert.equal((await till.feed('ann')).items.length, 0);
        assert.equal((await failing(till.count('true'), shoal.Forbidden)).code, 201);
    });

    test('without one, or with a wrong one, nobody gets in', async () => {
        for (const token of [undefined, 'all.wrong-secret-that-is-long-enough'])
            assert.equal((await failing(open(at.server.address, { token }).feed('ann'), shoal.Unauthenticated)).status, 'unauthenticated');
        process.env.SHOAL_TOKEN = at.tokens.till;
        try {
            assert.equal((await open(at.server.address).feed('ann')).items.length, 0);
        } finally {
            delete process.env.SHOAL_TOKEN;
        }
    });

    test('through TLS, to whom the authority vouches for', async () => {
        const client = open(at.tls, { token: at.tokens.all, tls: { ca: at.ca } });
        assert.equal((await client.count('true')).total, 1);
        assert.deepEqual(await Promise.all(Array.from({ length: 300 }, (_, i) => client.count(`id = 'u${i}'`))),
            Array.from({ length: 300 }, () => ({ count: 0, total: 1 })));
        const named = open(at.tls.replace('127.0.0.1', 'localhost'), { token: at.tokens.till, tls: { ca: at.ca } });
        assert.equal((await named.feed('ann')).items.length, 0);
        process.env.SHOAL_TLS_CA = join(at.folder, 'ca.pem');
        try {
            assert.equal((await open(at.tls, { token: at.tokens.till }).feed('ann')).items.length, 0);
        } finally {
            delete process.env.SHOAL_TLS_CA;
        }
    });

    test('a server whom nobody vouches for is not spoken to', async () => {
        const error = await failing(open(at.tls, { token: at.tokens.till, timeoutMs: 500 }).feed('ann'), shoal.ShoalError);
        assert.match(error.message, /certificate/);
    });

    test('a lost TLS connection comes back', async () => {
        const client = open(at.tls, { token: at.tokens.all, tls: { ca: at.ca }, pool: 1 });
        await client.count('true');
        client.lanes[0].socket.destroy();
        assert.equal((await client.count('true')).total, 1);
    });

    test('addresses', () => {
        assert.throws(() => new Client('tls:host'), TypeError);
        assert.throws(() => new Client('tls:host:1', { pool: 0 }), shoal.ArgumentError);
    });
});
