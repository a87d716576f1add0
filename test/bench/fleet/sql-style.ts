/**
 * The same progress as Nova keeps it: `sql-style.ts agents|conductor MIGRATIONS|DATABASE_URL AMQP_URL`. Every agent saves each of its
 * migrations every 5 s by a call to a conductor, which makes one UPDATE of it: `LibvirtDriver._live_migration_monitor` saves on
 * every tenth round of half a second. Written for speed: amqplib alone without acknowledgements, one prepared statement, a pool of ten.
 * Speaks as publishing-agents.ts does.
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { type ConsumeMessage, connect } from "amqplib";
import { Pool } from "pg";

const QUEUE = "bench-sql-style";
const SAVE_EVERY_MS = 5_000;
const POOL = 10;

const [, , role = "", what = "", url = ""] = process.argv;
const count = { saved: 0 };
const connection = await connect(url, { noDelay: true });
const channel = await connection.createChannel();
if (role === "conductor") await serve(what);
else await save(Number(what));
say({ ready: true });
for await (const _ of createInterface({ input: process.stdin })) say(count);
process.exit();

async function serve(databaseUrl: string): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: POOL });
  await channel.assertQueue(QUEUE, { durable: false });
  await channel.prefetch(100);
  await channel.consume(QUEUE, (message) => void (message && answer(pool, message)), { noAck: true });
}

async function answer(pool: Pool, { content, properties }: ConsumeMessage): Promise<void> {
  const { id, total, processed, remaining } = JSON.parse(content.toString());
  await pool.query({
    name: "save",
    text: `update nova_migrations set memory_total = $2, memory_processed = $3, memory_remaining = $4, updated_at = now()
           where id = $1`,
    values: [id, total, processed, remaining],
  });
  count.saved += 1;
  channel.sendToQueue(properties.replyTo, Buffer.from("{}"), { correlationId: properties.correlationId });
}

async function save(migrations: number): Promise<void> {
  const replyTo = `bench-sql-style-${randomUUID()}`;
  await channel.assertQueue(replyTo, { durable: false, exclusive: true });
  const note = () => {
    count.saved += 1;
  };
  await channel.consume(replyTo, note, { noAck: true });
  for (let id = 0; id < migrations; id++) {
    const send = () => {
      const progress = { id, total: 4_294_967_296, processed: Date.now(), remaining: 1_073_741_824 };
      channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(progress)), { correlationId: String(id), replyTo });
    };
    setTimeout(() => setInterval(send, SAVE_EVERY_MS), (id / migrations) * SAVE_EVERY_MS);
  }
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
