/** `store.write`: a change is whole or not at all, on either engine, whoever else writes at the same moment. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import {
  engine,
  migrate,
  openStore,
  type Store,
  StoreError,
  type StoreObserver,
  type Tx,
} from '../../../src/platform/db'
import { UnitContractError } from '../../../src/platform/db/store'
import { fail, ok } from '../../../src/platform/result'
import { instance } from '../../../src/platform/security/schema'
import { freshDatabase, type TestDatabase } from '../../support/database'

let database: TestDatabase
let store: Store
const batches: number[] = []
let retries = 0
const observer: StoreObserver = {
  batch: (units) => void batches.push(units),
  retry: () => {
    retries += 1
  },
}

beforeAll(async () => {
  database = await freshDatabase()
  store = openStore(database.location, { observer, strictUnits: true })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})
beforeEach(async () => {
  await store.write(async (tx) => {
    await tx.delete(instance)
  })
  batches.length = 0
  retries = 0
})

async function put(tx: Tx, name: string, value = ''): Promise<void> {
  await tx.insert(instance).values({ name, value })
}
const namesIn = async (db: Pick<Store, 'read'>['read'] | Tx) =>
  (await db.select({ name: instance.name }).from(instance)).map(({ name }) => name).sort()
const names = () => namesIn(store.read)

/** Lets everything happen that is waiting for a turn of the event loop, without waiting for a clock. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a unit', () => {
  test('keeps all that it did, and answers what it returned', async () => {
    const answer = await store.write(async (tx) => {
      await put(tx, 'a')
      await put(tx, 'b')
      return 'both'
    })
    expect(answer).toBe('both')
    expect(await names()).toEqual(['a', 'b'])
  })

  test('that throws keeps nothing, and its caller gets what it threw', async () => {
    class Mistake extends Error {}
    const attempt = store.write(async (tx) => {
      await put(tx, 'a')
      throw new Mistake('after the first half')
    })
    expect(attempt).rejects.toBeInstanceOf(Mistake)
    await attempt.catch(() => undefined)
    expect(await names()).toEqual([])
  })

  test('whose statement the database refuses keeps nothing', async () => {
    await store.write((tx) => put(tx, 'taken'))
    const attempt = store.write(async (tx) => {
      await put(tx, 'a')
      await put(tx, 'taken')
    })
    expect(await attempt.then(() => 'kept').catch(() => 'refused')).toBe('refused')
    expect(await names()).toEqual(['taken'])
  })

  test('that answers an expected failure keeps what it did before it', async () => {
    const answer = await store.write(async (tx) => {
      await put(tx, 'the failed try')
      return fail('pin_wrong')
    })
    expect(answer).toMatchObject({ ok: false, code: 'pin_wrong' })
    expect(await names()).toEqual(['the failed try'])
  })

  test('sees what it has written itself', async () => {
    const seen = await store.write(async (tx) => {
      await put(tx, 'a')
      return namesIn(tx)
    })
    expect(seen).toEqual(['a'])
  })

  test('is not seen from outside until it is kept', async () => {
    let seenMeanwhile: string[] | undefined
    const unit = async (tx: Tx) => {
      await put(tx, 'a')
      seenMeanwhile ??= await names()
    }
    await store.write(unit)
    expect(seenMeanwhile).toEqual([])
    expect(await names()).toEqual(['a'])
  })
})

describe('units that arrive together', () => {
  test('are all kept', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.write((tx) => put(tx, `unit ${i}`))))
    expect(await names()).toHaveLength(50)
  })

  test('lose the one that throws, and no other', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 9 }, (_, i) =>
        store.write(async (tx) => {
          await put(tx, `unit ${i}`)
          if (i % 4 === 1) throw new Error(`unit ${i} is at fault`)
          return i
        }),
      ),
    )
    expect(outcomes.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message))).toEqual([
      0,
      'unit 1 is at fault',
      2,
      3,
      4,
      'unit 5 is at fault',
      6,
      7,
      8,
    ])
    expect(await names()).toEqual([0, 2, 3, 4, 6, 7, 8].map((i) => `unit ${i}`))
  })

  test('keep expected failures beside successes', async () => {
    const outcomes = await Promise.all(
      [1, 2, 3].map((i) =>
        store.write(async (tx) => {
          await put(tx, `try ${i}`)
          return i === 2 ? fail('refused') : ok(i)
        }),
      ),
    )
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true])
    expect(await names()).toEqual(['try 1', 'try 2', 'try 3'])
  })

  test('count to the right sum when each reads and then writes one row', async () => {
    await store.write((tx) => put(tx, 'counter', '0'))
    const add = async (tx: Tx) => {
      const [row] = await tx.select().from(instance).where(eq(instance.name, 'counter'))
      await tx
        .update(instance)
        .set({ value: String(Number(row?.value) + 1) })
        .where(eq(instance.name, 'counter'))
    }
    await Promise.all(Array.from({ length: 20 }, () => store.write(add)))
    const [row] = await store.read.select().from(instance)
    expect(row?.value).toBe('20')
  })
})

describe.if(engine === 'sqlite')('on SQLite, units that arrive together', () => {
  test('share one transaction, in the order they came, and each sees those before it', async () => {
    const seen = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        store.write(async (tx) => {
          const before = await namesIn(tx)
          await put(tx, name)
          return before
        }),
      ),
    )
    expect(seen).toEqual([[], ['a'], ['a', 'b']])
    expect(batches).toEqual([3])
  })

  test('do not see the one before them that threw', async () => {
    const failing = store.write(async (tx) => {
      await put(tx, 'lost')
      throw new Error('lost')
    })
    const after = store.write(namesIn)
    expect(await failing.catch((error: Error) => error.message)).toBe('lost')
    expect(await after).toEqual([])
  })

  test('are no more than 256 in a transaction', async () => {
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.write((tx) => put(tx, String(i)))))
    expect(batches).toEqual([256, 44])
    expect(await names()).toHaveLength(300)
  })

  test('are not answered before the commit', async () => {
    let answered = false
    const first = store
      .write((tx) => put(tx, 'a'))
      .then(() => {
        answered = true
      })
    let answeredDuringSecond: boolean | undefined
    const second = store.write(async (tx) => {
      await put(tx, 'b')
      answeredDuringSecond = answered
    })
    await Promise.all([first, second])
    expect(answeredDuringSecond).toBe(false)
  })
})

describe.if(engine === 'sqlite')('on SQLite, a unit that waits for something else than its queries', () => {
  const waitForTurn = async (tx: Tx) => {
    await put(tx, 'early')
    await nextTurn()
    await nextTurn()
    await put(tx, 'late')
  }

  test('is a bug that is found: it is refused and nothing of it is kept', async () => {
    const attempt = store.write(waitForTurn)
    expect(await attempt.catch((error) => error)).toBeInstanceOf(UnitContractError)
    expect(await names()).toEqual([])
  })

  test('does not take others with it', async () => {
    const [bad, good] = await Promise.allSettled([store.write(waitForTurn), store.write((tx) => put(tx, 'good'))])
    expect(bad.status).toBe('rejected')
    expect(good.status).toBe('fulfilled')
    expect(await names()).toEqual(['good'])
  })

  test('is let be in production', async () => {
    const lenient = openStore(database.location, { strictUnits: false })
    await lenient.write(waitForTurn)
    await lenient.close()
    expect(await names()).toEqual(['early', 'late'])
  })

  test('is found when what it waits for is another unit', async () => {
    // A database of its own: should the two wait for each other for ever, they hold up nobody else.
    const own = await freshDatabase()
    const strict = openStore(own.location, { strictUnits: true })
    const outer = strict
      .write(async (tx) => {
        await put(tx, 'outer')
        await strict.write((inner) => put(inner, 'inner'))
      })
      .catch((error) => error)
    const turns = (async () => {
      for (let i = 0; i < 200; i++) await nextTurn()
      return 'it hangs'
    })()
    const outcome = await Promise.race([outer, turns])
    if (outcome !== 'it hangs') await strict.close()
    await own.drop()
    expect(outcome).toBeInstanceOf(UnitContractError)
  })
})

describe.if(engine === 'postgres')('on PostgreSQL, units that meet on the same rows', () => {
  /** Both have read before either writes, the first time each is run. */
  function meetingPoint(parties: number): () => Promise<void> {
    let here = 0
    let open: () => void = () => undefined
    const all = new Promise<void>((resolve) => {
      open = resolve
    })
    return async () => {
      here += 1
      if (here >= parties) open()
      await all
    }
  }

  test('and write what the other has read are run again until it is as if one had come first', async () => {
    await store.write(async (tx) => {
      await put(tx, 'x', '1')
      await put(tx, 'y', '1')
    })
    const meet = meetingPoint(2)
    const readValue = async (tx: Tx, name: string) => {
      const [row] = await tx.select().from(instance).where(eq(instance.name, name))
      return Number(row?.value)
    }
    // On duty are x and y, and at least one must stay: each goes only if the other is there.
    const leave = (name: string, other: string) =>
      store.write(async (tx) => {
        const otherIsThere = (await readValue(tx, other)) === 1
        await meet()
        if (!otherIsThere) return false
        await tx.update(instance).set({ value: '0' }).where(eq(instance.name, name))
        return true
      })
    const left = await Promise.all([leave('x', 'y'), leave('y', 'x')])
    expect(left.filter(Boolean)).toHaveLength(1)
    expect(retries).toBeGreaterThanOrEqual(1)
    const rows = await store.read.select().from(instance)
    expect(rows.map(({ value }) => value).sort()).toEqual(['0', '1'])
  })

  test('in opposite order are freed from their deadlock', async () => {
    await store.write(async (tx) => {
      await put(tx, 'x', '0')
      await put(tx, 'y', '0')
    })
    const meet = meetingPoint(2)
    const add = async (tx: Tx, name: string) => {
      await tx
        .update(instance)
        .set({ value: sql`${instance.value} || '1'` })
        .where(eq(instance.name, name))
    }
    const both = (first: string, second: string) =>
      store.write(async (tx) => {
        await add(tx, first)
        await meet()
        await add(tx, second)
      })
    await Promise.all([both('x', 'y'), both('y', 'x')])
    expect(retries).toBeGreaterThanOrEqual(1)
    const rows = await store.read.select().from(instance)
    expect(rows.map(({ value }) => value)).toEqual(['011', '011'])
  })

  test('that never get through are told that the database is busy', async () => {
    const conflict = Object.assign(new Error('could not serialize access'), { errno: '40001' })
    let runs = 0
    const attempt = store.write(async () => {
      runs += 1
      throw conflict
    })
    expect(await attempt.catch((error) => error)).toMatchObject({ name: 'StoreError', code: 'database_busy' })
    expect(runs).toBe(retries)
    expect(runs).toBeGreaterThan(5)
  })

  test('wait for a connection when all are taken, and all get one', async () => {
    const small = openStore({ ...database.location, connections: 3 } as never, { strictUnits: true })
    await Promise.all(Array.from({ length: 12 }, (_, i) => small.write((tx) => put(tx, String(i)))))
    await small.close()
    expect(await names()).toHaveLength(12)
  })
})

describe('a store', () => {
  test('says that the database can be reached', async () => {
    expect(await store.ping().then(() => 'reached')).toBe('reached')
  })

  test('that is closed takes no more units', async () => {
    const other = openStore(database.location, { strictUnits: true })
    await other.write((tx) => put(tx, 'last'))
    await other.close()
    const attempt = await other.write((tx) => put(tx, 'too late')).catch((error) => error)
    expect(attempt).toBeInstanceOf(StoreError)
    expect(attempt).toMatchObject({ code: 'database_unavailable' })
    expect(await names()).toEqual(['last'])
  })

  test('that is closed keeps the units that had come before', async () => {
    const other = openStore(database.location, { strictUnits: true })
    const unit = other.write((tx) => put(tx, 'in time'))
    await Promise.all([unit, unit.then(() => other.close())])
    expect(await names()).toEqual(['in time'])
  })
})

describe.if(engine === 'sqlite')('on SQLite, a store', () => {
  let folder: TestDatabase
  beforeEach(async () => {
    folder = await freshDatabase()
  })
  afterEach(() => folder.drop())

  test('is not opened on a file that is not there', () => {
    const open = () => openStore({ engine: 'sqlite', file: `${folder.folder}/none.db` }, { strictUnits: true })
    expect(open).toThrow(StoreError)
  })

  test('finds after a restart all that was answered', async () => {
    const first = openStore(folder.location, { strictUnits: true })
    await first.write((tx) => put(tx, 'kept'))
    await first.close()
    await migrate(folder.location, 0)
    const second = openStore(folder.location, { strictUnits: true })
    expect(await namesIn(second.read)).toEqual(['kept'])
    await second.close()
  })

  test('cannot be written to by its read side', async () => {
    const own = openStore(folder.location, { strictUnits: true })
    const attempt = own.rows(own.read, sql`insert into instance (name, value) values ('a', '')`)
    expect(await attempt.then(() => 'written').catch((error) => String(error.cause ?? error))).toMatch(/readonly/)
    await own.close()
  })
})
