// Compiled, never run: what the declarations say, as somebody uses them.
import { Client, ExpressionError, Fate, Feed, Report, calls } from 'shoal-client';

const client = new Client('127.0.0.1:7717', { workspace: 'shop', timeoutMs: 1000, pool: 2 });

export async function use(): Promise<string[]> {
    const { count, total }: { count: number; total: number } = await client.count("tier >= 'gold'", { now: new Date(), timeoutMs: 5 });
    const ids: string[] = [];
    for await (const page of client.pages(['=', 'city', '成都'], { size: 500, fields: ['city'], order: 'city', desc: true }))
        ids.push(...page.ids, String(page.rows?.[0]?.[1]));
    for await (const id of client.ids('true')) ids.push(id);
    const feed: Feed = await client.feed('ann', { count: 5, fields: ['kind'] });
    for (const item of feed.items) for (const reason of item.reasons) ids.push(item.id, reason.kind, reason.name ?? '', reason.share.toFixed(2));
    for await (const one of client.map(['ann', 'bo'].map((user) => calls.feed(user, { count: 5 })))) ids.push(one.recId);
    for await (const page of client.feedPages('ann', { weights: { view: 2 }, goals: { purchase: 3 }, explain: 'full', mmr: 0.3 }))
        for (const item of page.items) ids.push(`${item.propensity} ${item.contributions['affinity']} ${item.rules.join()}`);
    const fate: Fate = await client.feedWhy('cup', 'ann', { timeoutMs: 50 });
    ids.push(fate.stage, `${fate.score?.toFixed(2)}`);
    for await (const { user, feed: own } of client.batches('true', { limit: 100, count: 3, boost: [{ where: 'stock > 0', factor: 2 }] }))
        ids.push(user, own.recId);
    await client.putScene('cart', { half_life_days: { types: { purchase: { long: 90 } } }, targets: [{ tag_set: 'for' }] });
    for (const scene of await client.scenes()) ids.push(scene.name, String(scene.rules['mmr']));
    ids.push(...(await client.usersForItem('cup', { where: 'true' })).users.map((user) => user.id));
    for await (const impression of client.impressions({ size: 10 })) ids.push(impression.recId, impression.items[0].id);
    const table: number = await client.train('ease', { every_hours: 6 });
    const secured = new Client('tls:shop.example:7718', { token: `id.${table}`, tls: { ca: 'PEM' } });
    secured.close();
    // @ts-expect-error a feed has no such rule
    await client.feed('ann', { mrm: 0.3 });
    const writer = client.writer('events', { fields: ['type', 'user', 'time'], window: 4 });
    await writer.add(['view', 'ann', Date.now()]);
    const report: Report = await writer.close();
    try {
        await client.call('rfm.put', { event: 'purchase' }, { signal: new AbortController().signal });
    } catch (error) {
        if (error instanceof ExpressionError) ids.push(`${error.column} ${error.hint}`);
    }
    // @ts-expect-error there is no such option
    await client.count('true', { wehre: 1 });
    // @ts-expect-error rows are users, items or events
    await client.put('people', []);
    return [...ids, `${count} ${total} ${report.accepted}`];
}
