/** What a look for due reminders costs with a million appointments ahead: when nothing is due, and when a whole batch is. */
import type { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../src/app'
import { boot } from '../src/cli/boot'
import { loadConfig } from '../src/config'
import { appointmentReminderDue } from '../src/modules/appointments'
import { openSqlite } from '../src/platform/db/sqlite'
import { createIds } from '../src/platform/ids'
import { median, report } from './support/report'

const APPOINTMENTS = Number(process.env.BENCH_APPOINTMENTS ?? 1_000_000)
const FEW = 1_000
/** As in `tick`. */
const BATCH = 50
const TICKS = 105
/** The first ticks of a process compile what they run; they are told apart. */
const WARM_UP = 5
const PEOPLE = 10_000
const PER_TRANSACTION = 20_000
const NOW = Date.UTC(2026, 10, 24, 9, 30)
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

interface Ticks {
  idle: number[]
  full: number[]
}

interface Compared {
  many: number[]
  few: number[]
}

export async function reminders(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const few = await ticksWith(join(folder, 'few'), FEW)
    const many = await ticksWith(join(folder, 'many'), APPOINTMENTS)
    say('reminders_idle_tick', { many: many.idle, few: few.idle }, {})
    say('reminders_tick', { many: many.full, few: few.full }, { reminders_in_the_batch: BATCH })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The slowest counts, because a tick stands in the way of whatever comes at the same moment. */
function say(name: string, { many, few }: Compared, details: Record<string, number>): void {
  const [ticks, peers] = [many.slice(WARM_UP), few.slice(WARM_UP)]
  const [value, peer] = [Math.max(...ticks), Math.max(...peers)]
  report({
    name,
    value,
    unit: 'ms',
    peer: `the same with ${FEW} appointments`,
    peer_value: peer,
    ratio: value / peer,
    goal: 'at most 50 ms a tick',
    median_ms: median(ticks),
    peer_median_ms: median(peers),
    first_ms: many[0],
    peer_first_ms: few[0],
    ticks: ticks.length,
    appointments: APPOINTMENTS,
    ...details,
  })
}

async function ticksWith(data: string, ahead: number): Promise<Ticks> {
  const config = loadConfig({ data, 'log-level': 'error', mode: 'production' }, {}, false)
  const { runtime, close } = await boot(config)
  const file = join(data, 'kumbu.db')
  try {
    const { appointments, events } = createApp(config, { ...runtime, clock: () => NOW })
    // As in earnest, somebody wants to hear of each.
    events.subscribe({ name: 'bench', to: appointmentReminderDue, handle: async () => undefined })
    fill(file, ahead, DAY_MS + MINUTE_MS)
    const idle: number[] = []
    for (let i = 0; i < TICKS; i++) idle.push(await timed(() => appointments.remindersDue(BATCH), 0))
    // A day's reminder of each is due at this moment.
    fill(file, BATCH * TICKS, DAY_MS)
    const full: number[] = []
    for (let i = 0; i < TICKS; i++) full.push(await timed(() => appointments.remindersDue(BATCH), BATCH))
    return { idle, full }
  } finally {
    await close()
  }
}

async function timed(tick: () => Promise<number>, expected: number): Promise<number> {
  const startedAt = performance.now()
  const taken = await tick()
  const ms = performance.now() - startedAt
  if (taken !== expected) throw new Error(`A tick took ${taken} reminders instead of ${expected}.`)
  return ms
}

/** Appointments with the three reminders of each; the first day's one is due so long before the start from now. */
function fill(file: string, count: number, firstAhead: number): void {
  const db = openSqlite(file, { cacheKib: 262_144 })
  db.run('PRAGMA synchronous = OFF')
  const newId = createIds(
    () => NOW,
    (n) => crypto.getRandomValues(new Uint8Array(n)),
  )
  const people = Array.from({ length: PEOPLE }, () => newId('usr'))
  const [serviceId, staff] = [newId('svc'), Array.from({ length: 500 }, () => newId('stf'))]
  const statements = prepare(db)
  for (let done = 0; done < count; done += PER_TRANSACTION) {
    db.run('BEGIN IMMEDIATE')
    for (let i = done; i < Math.min(count, done + PER_TRANSACTION); i++) {
      // Spread over most of a year where there are many; all at one moment where they are to be due.
      const startsAt = NOW + firstAhead + (firstAhead > DAY_MS ? (i % 500_000) * MINUTE_MS : 0)
      const id = newId('apt')
      statements.appointment.run(id, people[i % PEOPLE] ?? '', serviceId, staff[i % 500] ?? '', startsAt)
      statements.reminder.run(id, 'day', startsAt - DAY_MS, startsAt - DAY_MS / 2, '["email","whatsapp"]')
      statements.reminder.run(id, 'hour', startsAt - 60 * MINUTE_MS, startsAt - 30 * MINUTE_MS, '["sms"]')
      statements.reminder.run(id, 'review', startsAt + 90 * MINUTE_MS, startsAt + 7 * DAY_MS, '["email","push"]')
    }
    db.run('COMMIT')
  }
  db.run('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function prepare(db: Database) {
  return {
    appointment: db.query(
      `INSERT INTO appointments (id, user_id, service_id, staff_id, starts_at, ends_at, busy_until, status, version, price,
         deposit, currency, deposit_state, cancel_minutes, cancel_until, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?5 + ${30 * MINUTE_MS}, ?5 + ${30 * MINUTE_MS}, 'booked', 1, 0, 0, 'USD', 'none',
         1440, ?5 - ${DAY_MS}, ${NOW}, ${NOW})`,
    ),
    reminder: db.query(
      `INSERT INTO appointment_reminders (appointment_id, version, name, due_at, skip_after, media, state)
       VALUES (?1, 1, ?2, ?3, ?4, ?5, 'waiting')`,
    ),
  }
}
