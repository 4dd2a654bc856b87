// One DuckDB in memory. Each line of standard input is a JSON string of SQL; each line of output is {rows} or {error}.
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'; SET integer_division = true");

// Whole numbers are exact to 2^53 in JSON's readers; what is larger goes as text.
const plain = (_, value) =>
    typeof value !== 'bigint' ? value : Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();

for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
        answer = { rows: (await connection.runAndReadAll(JSON.parse(line))).getRows() };
    } catch (error) {
        answer = { error: String(error) };
    }
    process.stdout.write(JSON.stringify(answer, plain) + '\n');
}
