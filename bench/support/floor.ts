/**
 * The bare floor: the rows that a signed-in transfer with an Idempotency-Key writes (idempotency answer, two accounts,
 * transfer, two entries, event), by prepared statements in transactions of 64, on a file of the same schema, with the
 * same durability. It reads nothing, checks nothing and speaks to nobody.
 */
import type { Database } from 'bun:sqlite'
import { openSqlite } from '../../src/platform/db/sqlite'
import { createIds } from '../../src/platform/ids'

const PER_TRANSACTION = 64

interface FloorAccount {
  id: string
  balance: number
  entryCount: number
  last: string | null
}

export interface Floor {
  /** Transfers a second over so many seconds. */
  run(seconds: number): number
  /** Writes so many transfers, durability aside. */
  fill(transfers: number): void
  close(): void
}

export function openFloor(file: string): Floor {
  const db = openSqlite(file, { cacheKib: 32_768 })
  const newId = createIds(
    () => Date.now(),
    (n) => crypto.getRandomValues(new Uint8Array(n)),
  )
  const accounts = db
    .query(
      "SELECT id, owner_id AS owner, balance, entry_count AS entryCount, last_transfer_id AS last FROM accounts WHERE kind = 'customer'",
    )
    .all() as Array<FloorAccount & { owner: string }>
  if (accounts.length < 2) throw new Error(`${file} has ${accounts.length} accounts.`)
  const statements = prepare(db)

  function one(now: number): void {
    const from = accounts[Math.floor(Math.random() * accounts.length)] as FloorAccount & { owner: string }
    let to = accounts[Math.floor(Math.random() * accounts.length)] as FloorAccount & { owner: string }
    while (to === from) to = accounts[Math.floor(Math.random() * accounts.length)] as FloorAccount & { owner: string }
    const id = newId('txn')
    from.balance -= 1
    to.balance += 1
    from.entryCount += 1
    to.entryCount += 1
    statements.transfer.run(id, 'transfer', 1, 0, 'USD', from.id, to.id, null, now)
    statements.entry.run(id, from.id, from.entryCount, -1, from.balance, from.last, now)
    statements.entry.run(id, to.id, to.entryCount, 1, to.balance, to.last, now)
    if (from.entryCount % 64 === 0) statements.mark.run(from.id, from.entryCount, id, now)
    if (to.entryCount % 64 === 0) statements.mark.run(to.id, to.entryCount, id, now)
    from.last = id
    to.last = id
    statements.account.run(from.balance, 0, from.entryCount, id, now, from.id)
    statements.account.run(to.balance, 0, to.entryCount, id, now, to.id)
    statements.event.run(
      'wallet.transfer_completed',
      from.owner,
      `{"transferId":"${id}","fromUserId":"${from.owner}","toUserId":"${to.owner}","amount":1,"fee":0,"currency":"USD","fromBalance":${from.balance},"toBalance":${to.balance}}`,
      now,
    )
    statements.answer.run(
      Bun.randomUUIDv7(),
      from.owner,
      'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
      `{"id":"${id}","amount":1,"currency":"USD","fee":0,"from":"${from.owner}","to":"${to.owner}","balance":${from.balance},"createdAt":"2026-11-24T09:30:00.000Z"}`,
      now,
    )
  }

  function transaction(size: number): void {
    db.run('BEGIN IMMEDIATE')
    const now = Date.now()
    for (let i = 0; i < size; i++) one(now)
    db.run('COMMIT')
  }

  return {
    run(seconds) {
      const startedAt = performance.now()
      let done = 0
      while (performance.now() - startedAt < seconds * 1000) {
        transaction(PER_TRANSACTION)
        done += PER_TRANSACTION
      }
      return done / ((performance.now() - startedAt) / 1000)
    },
    fill(transfers) {
      db.run('PRAGMA synchronous = OFF')
      for (let left = transfers; left > 0; left -= 5_000) transaction(Math.min(5_000, left))
      db.run('PRAGMA synchronous = FULL')
      db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    },
    close: () => db.close(),
  }
}

function prepare(db: Database) {
  return {
    transfer: db.prepare('INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    entry: db.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)'),
    mark: db.prepare('INSERT INTO entry_marks VALUES (?, ?, ?, ?)'),
    account: db.prepare(
      'UPDATE accounts SET balance = ?, held = ?, entry_count = ?, last_transfer_id = ?, last_entry_at = ? WHERE id = ?',
    ),
    event: db.prepare('INSERT INTO events (type, key, payload, at) VALUES (?, ?, ?, ?)'),
    answer: db.prepare('INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?)'),
  }
}
