// The node side of graphile-worker and pg-boss: a worker or a producer that speaks lines with its Python parent.
//
//   node node.mjs graphile-worker|pg-boss install|worker|producer URL OPTIONS MARKS
//
// It says `ready`, then waits for a line. A worker's marks (see peers/base.py) go out every 20 ms, one JSON
// object a line: how many jobs began, when the first did, and what kind `start` or `span` asks for. A producer
// is asked `many KIND COUNT FIRST SAME` or `one KIND NUMBER`; its answers say when the call had returned.
import { createInterface } from "node:readline";

const [, , peer, role, url, optionsText, marksKind] = process.argv;
const options = JSON.parse(optionsText);
const BATCH = 1000;
const LEAST = 1e-5;
const SCALE = 1 / Math.log(1.05);

const now = () => (performance.timeOrigin + performance.now()) / 1000;
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
input.on("close", () => process.exit(0)); // the parent is gone
const say = (line) => process.stdout.write(line + "\n");
const hear = async () => (await lines.next()).value;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Marks -------------------------------------------------------------------------------------------

let news = { count: 0, first: 0, starts: [], spans: {} };

function mark(number) {
  if (!news.count) news.first = now();
  news.count += 1;
  if (marksKind === "start") news.starts.push([number, now()]);
  if (marksKind === "span") {
    const bucket = Math.max(0, Math.floor(Math.log(Math.max(now() - number, LEAST) / LEAST) * SCALE));
    news.spans[bucket] = (news.spans[bucket] || 0) + 1;
  }
}

function tell() {
  if (!news.count) return;
  say(JSON.stringify(news));
  news = { count: 0, first: 0, starts: [], spans: {} };
}

// Engines -----------------------------------------------------------------------------------------

async function graphile() {
  const { run, makeWorkerUtils, Logger } = await import("graphile-worker");
  const logger = new Logger(() => () => {});
  const job = (kind, number) => ({
    identifier: "noop",
    payload: { i: number },
    ...(kind === "keyed" ? { queueName: `key:${number}` } : {}),
  });
  const utils = () => makeWorkerUtils({ connectionString: url, logger, maxPoolSize: 1 });
  return {
    async install() {
      const worker = await utils();
      await worker.migrate();
      await worker.release();
    },
    async work(begin) {
      const pg = (await import("pg")).default;
      const pgPool = new pg.Pool({ connectionString: url, max: options.concurrency + 1 });
      pgPool.on("error", console.error);
      pgPool.on("connect", (client) => client.on("error", console.error));
      await pgPool.query("select 1");
      await begin();
      const batches = options.local ? { localQueue: { size: options.local } } : {};
      const worker = {
        pgPool, logger, concurrentJobs: options.concurrency, ...batches,
        completeJobBatchDelay: options.delay, failJobBatchDelay: options.delay,
      };
      await run({ taskList: { noop: async (payload) => mark(payload.i) }, noHandleSignals: true, preset: { worker }, pgPool, logger });
    },
    async produce() {
      const worker = await utils();
      return {
        many: (kind, numbers) => worker.addJobs(numbers.map((number) => job(kind, number))),
        one: async (kind, number) => (await worker.addJob("noop", { i: number })).id,
      };
    },
  };
}

async function pgBoss() {
  const PgBoss = (await import("pg-boss")).default;
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on("error", console.error);
  await boss.start();
  return {
    async install() {
      await boss.createQueue("noop");
      await boss.stop({ graceful: false });
    },
    async work(begin) {
      await begin();
      for (;;) {
        const jobs = (await boss.fetch("noop", { batchSize: options.batch })) || [];
        for (const job of jobs) mark(job.data.i);
        if (jobs.length) await boss.complete("noop", jobs.map((job) => job.id));
        else await wait(options.poll * 1000);
      }
    },
    async produce() {
      return {
        many: (kind, numbers) => boss.insert(numbers.map((number) => ({ name: "noop", data: { i: number } }))),
        one: (kind, number) => boss.send("noop", { i: number }),
      };
    },
  };
}

// Roles -------------------------------------------------------------------------------------------

async function serve(producer) {
  for (let line = await hear(); line; line = await hear()) {
    const [verb, kind, ...numbers] = line.split(" ");
    if (verb === "one") {
      const handle = await producer.one(kind, Number(numbers[0]));
      say(`${handle} ${now()}`);
    } else {
      const [count, first, step] = numbers.map(Number); // the numbers first, first + step, …
      for (let done = 0; done < count; done += BATCH) {
        const some = Array.from({ length: Math.min(BATCH, count - done) }, (_, k) => first + (done + k) * step);
        await producer.many(kind, some);
      }
      say(`many ${now()}`);
    }
  }
}

const engine = await { "graphile-worker": graphile, "pg-boss": pgBoss }[peer]();
if (role === "install") {
  await engine.install();
  process.exit(0);
} else if (role === "worker") {
  await engine.work(async () => {
    say("ready");
    await hear();
    setInterval(tell, 20);
  });
} else {
  const producer = await engine.produce();
  say("ready");
  await serve(producer);
}
