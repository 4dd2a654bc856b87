// duckdb_peer.mjs -- the questions of query_bench and insight_bench to DuckDB, in this process.
//
//   node duckdb_peer.mjs --files DIR --database FILE [--load] [--rounds N] [--threads N] [--users N]
//
// As its users would keep the shop: columns of their smallest types, strings as enums, a boolean column for each of the ten
// commonest tags beside the table of all tags (sorted by tag), purchases sorted by user. Statements are prepared once.
// What it took and what it answered is appended to $SHOAL_BENCH_RECORD, as bench/support/bench_record.h says.
import { appendFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const options = { files: "", database: ":memory:", load: false, rounds: 21, threads: 1, users: 0 };
for (let i = 2; i < process.argv.length; i++) {
  const name = process.argv[i].slice(2);
  if (name === "load") options.load = true;
  else if (name in options) {
    i++;
    options[name] = typeof options[name] === "number" ? Number(process.argv[i]) : process.argv[i];
  } else throw new Error(`unknown option ${process.argv[i]}`);
}

const NOW_MS = 1767225600000;
const FROM_MS = NOW_MS - 30 * 86400000 + 1;
const WIDE = "tier >= 5 AND city IN ('c2', 'c3', 'c4', 'c5', 'c6')";
const SMALL = `${WIDE} AND t2 AND NOT t4`;
const PAIRS = [];
for (let a = 0; a < 10; a++) for (let b = 0; b <= a; b++) PAIRS.push(`count(*) FILTER (t${a} AND t${b})`);

const one = (rows) => String(rows[0][0]);
const ids = (rows) => String(rows.length);
const tags = (rows) => rows.map(([tag, count]) => `t${tag}:${count}`).join(" ");
const QUESTIONS = [
  ["Q1", "SELECT count(*) FROM users WHERE t0", one],
  ["Q2", `SELECT count(*) FROM users WHERE ${SMALL}`, one],
  ["Q3", "SELECT count(*) FROM users WHERE age BETWEEN 25 AND 40 AND u IN (SELECT u FROM tags WHERE tag BETWEEN 60 AND 79)", one],
  ["Q4", "SELECT count(*) FROM users WHERE points BETWEEN 20001 AND 50000", one],
  ["Q5", `SELECT count(*) FROM (SELECT u FROM purchases WHERE t >= ${FROM_MS} GROUP BY u HAVING count(*) >= 2 AND sum(amount) >= 30000) p
          JOIN users USING (u) WHERE t2`, one],
  ["Q6", `SELECT id FROM users WHERE ${SMALL}`, ids],
  ["Q6b", `SELECT id FROM users WHERE ${WIDE}`, ids],
  ["Q7", `SELECT tag, count(*) c FROM tags WHERE u IN (SELECT u FROM users WHERE ${SMALL}) GROUP BY tag ORDER BY c DESC, tag LIMIT 20`, tags],
  ["Q7b", "SELECT tag, count(*) c FROM tags WHERE u IN (SELECT u FROM users WHERE age >= 30) GROUP BY tag ORDER BY c DESC, tag LIMIT 20", tags],
  ["Q8", `SELECT ${PAIRS.join(", ")} FROM users`, (rows) => rows[0].join(" ")],
];

async function load(connection) {
  const columns = { u: "UINTEGER", id: "VARCHAR", city: "VARCHAR", tier: "UTINYINT", gender: "VARCHAR", age: "UTINYINT", points: "UINTEGER" };
  for (let tag = 0; tag < 10; tag++) columns[`t${tag}`] = "BOOLEAN";
  const read = (name, types) => `read_csv('${options.files}/${name}.tsv', delim='\t', header=false, columns=${JSON.stringify(types).replaceAll('"', "'")})`;
  await connection.run("CREATE TYPE cities AS ENUM (SELECT 'c' || range FROM range(340))");
  await connection.run("CREATE TYPE genders AS ENUM ('f', 'm', 'x')");
  await connection.run(`CREATE TABLE users AS SELECT * REPLACE (city::cities AS city, gender::genders AS gender) FROM ${read("users", columns)} ORDER BY u`);
  await connection.run(`CREATE TABLE tags AS SELECT * FROM ${read("tags", { tag: "USMALLINT", u: "UINTEGER" })}`);
  await connection.run(`CREATE TABLE purchases AS SELECT * FROM ${read("purchases", { u: "UINTEGER", t: "BIGINT", amount: "UINTEGER" })} ORDER BY u, t`);
}

const instance = await DuckDBInstance.create(options.database, { threads: String(options.threads) });
const connection = await instance.connect();
if (options.load) await load(connection);
for (const [row, sql, read] of QUESTIONS) {
  const statement = await connection.prepare(sql);
  const samples = [];
  let answer = "";
  for (let round = -1; round < options.rounds; round++) {
    const begin = performance.now();
    const result = await statement.runAndReadAll();
    const rows = result.getRows();
    if (round >= 0) samples.push((performance.now() - begin) * 1000);
    answer = read(rows);
  }
  const side = options.threads === 1 ? "DuckDB" : `DuckDB, ${options.threads} threads`;
  const record = { group: "audience", row, side, unit: "us", answer, users: options.users, samples, quantiles: [] };
  if (process.env.SHOAL_BENCH_RECORD) appendFileSync(process.env.SHOAL_BENCH_RECORD, JSON.stringify(record) + "\n");
  console.log(row.padEnd(4), "best", Math.min(...samples).toFixed(1), "us ", answer.slice(0, 60));
}
connection.closeSync();
