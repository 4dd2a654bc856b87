// Compiled, never run: what the declarations say, as somebody uses them.
import { Client, ExpressionError, Feed, Report, calls } from 'shoal-client';

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
