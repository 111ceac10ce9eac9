/** A request with an `Idempotency-Key` is executed once: whoever repeats it, however often, and whatever happened since. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { createApp } from '../../../src/app'
import { engine } from '../../../src/platform/db'
import { idempotencyKeys } from '../../../src/platform/http/schema'
import { createTestRuntime, createWorld, type Person, PIN, type World } from '../../support/world'

let world: World
let payer: Person
let payee: Person
/** What both had before the test: people are costly to make, for their PINs are hashed slowly on purpose. */
let before: { paid: number; got: number }
beforeAll(async () => {
  world = await createWorld()
  payer = await world.customer(1_000_000)
  payee = await world.customer(0)
})
afterAll(() => world.end())
beforeEach(async () => {
  before = { paid: await balanceOf(payer), got: await balanceOf(payee) }
})

const newKey = () => crypto.randomUUID()
const order = (changes: object = {}) => ({ to: payee.id, amount: 100, pin: PIN, ...changes })

const transfer = (key: string | undefined, body: object = order(), person = payer) =>
  world.call('POST', '/api/v1/wallet/me/transfer', {
    token: person.token,
    body,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  })
const balanceOf = async ({ id, token }: Person) =>
  (await world.call('GET', `/api/v1/wallet/${id}/balance`, { token })).body.balance as number

/** What was moved since the test began. */
async function moved(): Promise<{ paid: number; got: number }> {
  return { paid: before.paid - (await balanceOf(payer)), got: (await balanceOf(payee)) - before.got }
}

describe('a request with a key', () => {
  test('that is repeated gets the first answer, and moves nothing', async () => {
    const key = newKey()
    const first = await transfer(key)
    expect(first.status).toBe(201)
    world.clock.advance(60_000)
    for (let i = 0; i < 3; i++) {
      const again = await transfer(key)
      expect(again.status).toBe(201)
      expect(again.body).toEqual(first.body)
    }
    expect(await moved()).toEqual({ paid: 100, got: 100 })
  })

  test('gets the first answer even when the rules would refuse it by now', async () => {
    const key = newKey()
    const all = await balanceOf(payee)
    const back = { to: payer.id, amount: all, pin: PIN }
    const first = await transfer(key, back, payee)
    expect(first.status).toBe(201)
    const again = await transfer(key, back, payee)
    expect(again.status).toBe(201)
    expect(again.body).toEqual(first.body)
    expect(await balanceOf(payee)).toBe(0)
  })

  test('is the same request whatever the order of its members', async () => {
    const key = newKey()
    const { to, amount, pin } = order()
    const first = await transfer(key, { to, amount, pin })
    const again = await transfer(key, { pin, amount, to })
    expect(again.status).toBe(201)
    expect(again.body).toEqual(first.body)
  })

  test('that was used for another body is refused, and moves nothing', async () => {
    const key = newKey()
    await transfer(key)
    const other = await transfer(key, order({ amount: 101 }))
    expect(other.status).toBe(422)
    expect(other.body.code).toBe('idempotency_key_reused')
    expect((await moved()).paid).toBe(100)
  })

  test('that was used at another address is refused', async () => {
    const key = newKey()
    await transfer(key, order())
    const { status, body } = await world.call('POST', '/api/v1/atm/withdrawal-request', {
      token: payer.token,
      body: { amount: 100, pin: PIN },
      headers: { 'idempotency-key': key },
    })
    expect(status).toBe(422)
    expect(body.code).toBe('idempotency_key_reused')
  })

  test('is its sender’s: another’s same key is another key', async () => {
    const key = newKey()
    const second = await world.customer(500)
    const [mine, theirs] = [await transfer(key), await transfer(key, order(), second)]
    expect([mine.status, theirs.status]).toEqual([201, 201])
    expect(theirs.body).not.toEqual(mine.body)
    expect((await moved()).got).toBe(200)
  })

  test('that was refused is not remembered: the same key may be tried again', async () => {
    const key = newKey()
    const poor = await world.customer(50)
    expect((await transfer(key, order(), poor)).body.code).toBe('insufficient_funds')
    expect((await transfer(key, order({ pin: '0000' }), poor)).body.code).toBe('pin_wrong')
    await transfer(newKey(), { to: poor.id, amount: 500, pin: PIN })
    expect((await transfer(key, order(), poor)).status).toBe(201)
    expect((await moved()).got).toBe(100)
  })

  test('that came several times at once has one effect, and every answer is the first or says to wait', async () => {
    const key = newKey()
    const answers = await Promise.all(Array.from({ length: 8 }, () => transfer(key)))
    const done = answers.filter(({ status }) => status === 201)
    const waiting = answers.filter(({ status }) => status === 409)
    expect(done.length).toBeGreaterThanOrEqual(1)
    expect(done.length + waiting.length).toBe(8)
    for (const { body } of done) expect(body).toEqual(done[0]?.body)
    for (const { body } of waiting) expect(body.code).toBe('idempotency_key_in_flight')
    expect((await moved()).got).toBe(100)
    expect((await transfer(key)).body).toEqual(done[0]?.body)
  })

  test('and without one, each request is one of its own', async () => {
    const [first, second] = [await transfer(undefined), await transfer(undefined)]
    expect(first.body).not.toEqual(second.body)
    expect((await moved()).got).toBe(200)
  })
})

describe('the form of a key', () => {
  test.each(['with space', 'é', 'k'.repeat(256)])('is refused: %s', async (key) => {
    const { status, body } = await transfer(key)
    expect(status).toBe(400)
    expect(body.code).toBe('idempotency_key_invalid')
    expect(await moved()).toEqual({ paid: 0, got: 0 })
  })

  test.each(['k', '!', '"quoted"', 'k'.repeat(255)])('is allowed: %s', async (key) => {
    const [first, again] = [await transfer(key), await transfer(key)]
    expect(first.status).toBe(201)
    expect(again.body).toEqual(first.body)
  })
})

describe('after a restart, or in another copy on the same database', () => {
  function anotherCopy() {
    const runtime = createTestRuntime(world.database, world.clock)
    const app = createApp(world.config, runtime)
    return {
      async transfer(key: string, body: object = order()) {
        const request = new Request('http://localhost/api/v1/wallet/me/transfer', {
          method: 'POST',
          headers: {
            authorization: `Bearer ${payer.token}`,
            'content-type': 'application/json',
            'idempotency-key': key,
          },
          body: JSON.stringify(body),
        })
        const response = await app.pipeline(request, () => '192.0.2.1')
        return { status: response.status, body: (await response.json()) as unknown }
      },
      async end() {
        await app.stop()
        await runtime.store.close()
      },
    }
  }

  test('a repeat gets the first answer', async () => {
    const key = newKey()
    const first = await transfer(key)
    const copy = anotherCopy()
    expect(await copy.transfer(key)).toEqual({ status: 201, body: first.body })
    expect(await copy.transfer(key, order({ amount: 7 }))).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
    await copy.end()
    expect((await moved()).paid).toBe(100)
  })

  test('the same key at both at once has one effect', async () => {
    const copy = anotherCopy()
    for (let i = 1; i <= 5; i++) {
      const key = newKey()
      const answers = await Promise.all([transfer(key), copy.transfer(key)])
      const done = answers.filter(({ status }) => status === 201)
      expect(done.length).toBeGreaterThanOrEqual(1)
      for (const { body } of done) expect(body).toEqual(done[0]?.body)
      for (const { status } of answers) expect([201, 409]).toContain(status)
      expect((await moved()).got).toBe(i * 100)
    }
    await copy.end()
  })
})

describe('an answer that holds a secret', () => {
  const ask = (key: string) =>
    world.call('POST', '/api/v1/atm/withdrawal-request', {
      token: payer.token,
      body: { amount: 1_000, pin: PIN },
      headers: { 'idempotency-key': key },
    })

  test('is repeated with its secret, once made', async () => {
    const key = newKey()
    const first = await ask(key)
    expect(first.status).toBe(201)
    expect(first.body.token).toMatch(/^\d{10}$/)
    expect((await ask(key)).body).toEqual(first.body)
  })

  test('is nowhere in the database in the clear', async () => {
    const key = newKey()
    const { token } = (await ask(key)).body
    await world.app.settle()
    const { store } = world.runtime
    const kept = (await store.read.select().from(idempotencyKeys)).find((row) => row.key === key)
    expect(kept?.body).toStartWith('sealed:')
    const tables = await store.rows<{ name: string }>(
      store.read,
      engine === 'sqlite'
        ? sql`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`
        : sql`select table_name as name from information_schema.tables where table_schema = 'public'`,
    )
    expect(tables.length).toBeGreaterThan(10)
    for (const { name } of tables) {
      const rows = await store.rows<object>(store.read, sql`select * from ${sql.identifier(name)}`)
      expect({ name, holdsIt: JSON.stringify(rows).includes(token) }).toEqual({ name, holdsIt: false })
    }
  })
})

describe('what is remembered', () => {
  test('is forgotten when it is older than the moment, and not before', async () => {
    const { idempotency } = world.app
    await idempotency.prune(Number.MAX_SAFE_INTEGER)
    const [old, young] = [newKey(), newKey()]
    await transfer(old)
    world.clock.advance(1_000)
    const moment = world.clock()
    await transfer(young)
    expect(await idempotency.prune(moment)).toBe(1)
    expect(await idempotency.prune(moment)).toBe(0)
    const keys = (await world.runtime.store.read.select().from(idempotencyKeys)).map(({ key }) => key)
    expect(keys).toEqual([young])
  })
})
