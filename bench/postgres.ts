/** Transfers on PostgreSQL against pgbench running the same statements on the same server, in turns within one run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPostgresServer, postgresPrograms } from '../test/support/postgres-server'
import { median, report } from './support/report'
import { type LoadReport, load, serve } from './support/server'

const PEOPLE = 10_000
const CONNECTIONS = 64
const ROUNDS = 3
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
/** What Kumbu opens for units by default, and so what pgbench gets. */
const WRITERS = 24

/** Accounts of pgbench's own, with ids that it can work out. */
const ACCOUNTS = `
insert into accounts select 'acc_' || lpad(n::text, 20, '0'), 'bench_' || n, 'customer', 'USD', 0, 1000000000, 0, false, 'active', 0, null, 0, 0
from generate_series(1, ${PEOPLE}) n`

/** One transfer, statement for statement as Kumbu books it; accounts are locked in the order of their ids. */
const SCRIPT = `
\\set n :n + 1
\\set t :client_id * 1000000000 + :n
\\set a random(1, ${PEOPLE - 1})
\\set b random(:a + 1, ${PEOPLE})
begin isolation level serializable;
select id, kind, currency, balance as abal, held, may_overdraw, state, entry_count as acount, last_transfer_id, last_entry_at from accounts where id = 'acc_' || lpad((:a)::text, 20, '0') for update \\gset
select id, kind, currency, balance as bbal, held, may_overdraw, state, entry_count as bcount, last_transfer_id, last_entry_at from accounts where id = 'acc_' || lpad((:b)::text, 20, '0') for update \\gset
insert into transfers (id, type, amount, fee, currency, debit_account_id, credit_account_id, reversal_of, at) values ('txn_' || lpad((:t)::text, 20, '0'), 'transfer', 1, 0, 'USD', 'acc_' || lpad((:a)::text, 20, '0'), 'acc_' || lpad((:b)::text, 20, '0'), null, 1795543403000);
insert into entries (transfer_id, account_id, number, amount, balance, previous_transfer_id, at) values ('txn_' || lpad((:t)::text, 20, '0'), 'acc_' || lpad((:a)::text, 20, '0'), :acount + 1, -1, :abal - 1, null, 1795543403000);
insert into entries (transfer_id, account_id, number, amount, balance, previous_transfer_id, at) values ('txn_' || lpad((:t)::text, 20, '0'), 'acc_' || lpad((:b)::text, 20, '0'), :bcount + 1, 1, :bbal + 1, null, 1795543403000);
update accounts set balance = :abal - 1, held = 0, entry_count = :acount + 1, last_transfer_id = 'txn_' || lpad((:t)::text, 20, '0'), last_entry_at = 1795543403000 where id = 'acc_' || lpad((:a)::text, 20, '0');
update accounts set balance = :bbal + 1, held = 0, entry_count = :bcount + 1, last_transfer_id = 'txn_' || lpad((:t)::text, 20, '0'), last_entry_at = 1795543403000 where id = 'acc_' || lpad((:b)::text, 20, '0');
insert into events (type, key, payload, at) values ('wallet.transfer_completed', 'usr_01m0z3k8x2f4v5b6n7a9', '{"transferId":"txn_01m0z3k8x2f4v5b6n7ab","fromUserId":"usr_01m0z3k8x2f4v5b6n7a9","toUserId":"usr_01m0z3k8x2f4v5b6n7ac","amount":1,"fee":0,"currency":"USD","fromBalance":1,"toBalance":2}', 1795543403000);
insert into idempotency_keys (key, principal_id, fingerprint, body, created_at) values (lpad((:t)::text, 36, '0'), 'usr_01m0z3k8x2f4v5b6n7a9', 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG', '{"id":"txn_01m0z3k8x2f4v5b6n7ab","amount":1,"currency":"USD","fee":0,"from":"usr_01m0z3k8x2f4v5b6n7a9","to":"usr_01m0z3k8x2f4v5b6n7ac","balance":1,"createdAt":"2026-11-24T09:30:00.000Z"}', 1795543403000) on conflict do nothing;
commit;
`

export async function postgres(): Promise<void> {
  const programs = postgresPrograms()
  if (programs === undefined) {
    console.error('PostgreSQL is not installed (apt-get install postgresql): this is not measured.')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  const server = await createPostgresServer()
  try {
    const data = join(folder, 'data')
    const seeded = Bun.spawnSync(
      [process.execPath, join(import.meta.dir, 'support/seed-postgres.ts'), data, server.url, String(PEOPLE)],
      { env: { ...process.env, DATABASE_URL: server.url }, stdio: ['ignore', 'inherit', 'inherit'] },
    )
    if (seeded.exitCode !== 0) throw new Error('The database could not be seeded.')
    const script = join(folder, 'transfer.sql')
    writeFileSync(script, SCRIPT)
    run([join(programs, 'psql'), '-q', '-c', ACCOUNTS, server.url])
    run([join(programs, 'psql'), '-q', '-c', 'vacuum analyze', server.url])
    const kumbu = await serve(['--data', data, '--database-url', server.url])
    const file = join(data, 'people.json')
    await load(kumbu.base, file, CONNECTIONS, 1, 12)
    const theirs: number[] = []
    const loads: LoadReport[] = []
    for (let round = 0; round < ROUNDS; round++) {
      theirs.push(pgbench(programs, script, server.url, round))
      loads.push(await load(kumbu.base, file, CONNECTIONS, SECONDS, 1))
    }
    await kumbu.stop()
    const [value, peer] = [median(loads.map(({ perSecond }) => perSecond)), median(theirs)]
    report({
      name: 'transfers_postgres',
      value,
      unit: 'transfers/s',
      peer: `pgbench, the same statements, ${WRITERS} connections`,
      peer_value: peer,
      ratio: value / peer,
      goal: 'at least 0.5',
      p50_ms: median(loads.map(({ p50Ms }) => p50Ms)),
      p99_ms: median(loads.map(({ p99Ms }) => p99Ms)),
      connections: CONNECTIONS,
      accounts: PEOPLE,
    })
  } finally {
    server.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

function pgbench(programs: string, script: string, url: string, round: number): number {
  // Each round numbers its transfers from a place of its own.
  const out = run([
    join(programs, 'pgbench'),
    '-n',
    '-M',
    'prepared',
    '-c',
    String(WRITERS),
    '-j',
    '2',
    '-T',
    String(SECONDS),
    '--max-tries=20',
    '-D',
    `n=${round * 100_000_000}`,
    '-f',
    script,
    url,
  ])
  return Number(/tps = ([\d.]+)/.exec(out)?.[1] ?? 0)
}

function run(command: string[]): string {
  const done = Bun.spawnSync(command, { stdout: 'pipe', stderr: 'pipe' })
  if (done.exitCode !== 0) throw new Error(`${command[0]}: ${done.stderr.toString()}`)
  return done.stdout.toString()
}
