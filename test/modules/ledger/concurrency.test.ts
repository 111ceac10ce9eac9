/** Many movements at once: the books are as if they had come one after another, and nobody is paid twice. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { engine } from '../../../src/platform/db'
import { type Books, openBooks } from './books'

const ACCOUNTS = 8
const MONEY = 10_000
const MOVEMENTS = engine === 'sqlite' ? 600 : 300

let books: Books
let ids: string[]
beforeEach(async () => {
  books = await openBooks()
  ids = []
  for (let i = 0; i < ACCOUNTS; i++) ids.push(await books.customer(MONEY))
})
afterEach(() => books.end())

const at = (i: number) => ids[i % ACCOUNTS] as string

/** Balances by account, after it was proved that nothing was lost or made. */
async function settled(): Promise<number[]> {
  const report = await books.verify()
  expect(report.findings).toEqual([])
  expect(report.totals).toEqual([{ currency: 'USD', issued: ACCOUNTS * MONEY, trust: ACCOUNTS * MONEY }])
  return Promise.all(ids.map(async (id) => (await books.stateOf(id)).balance))
}

describe('movements that arrive at once', () => {
  test('in a circle all succeed, and each balance is the sum of what came and went', async () => {
    const expected = ids.map(() => MONEY)
    const results = await Promise.all(
      Array.from({ length: MOVEMENTS }, (_, i) => {
        const amount = 1 + (i % 5)
        expected[i % ACCOUNTS] = (expected[i % ACCOUNTS] ?? 0) - amount
        expected[(i + 1) % ACCOUNTS] = (expected[(i + 1) % ACCOUNTS] ?? 0) + amount
        return books.move({ from: at(i), to: at(i + 1), amount })
      }),
    )
    expect(results.filter(({ ok }) => !ok)).toEqual([])
    expect(await settled()).toEqual(expected)
  })

  test('in opposite directions between two do not hold each other up, and cancel out', async () => {
    const results = await Promise.all(
      Array.from({ length: MOVEMENTS / 3 }, (_, i) =>
        books.move(i % 2 === 0 ? { from: at(0), to: at(1), amount: 7 } : { from: at(1), to: at(0), amount: 7 }),
      ),
    )
    expect(results.filter(({ ok }) => !ok)).toEqual([])
    expect(await settled()).toEqual(ids.map(() => MONEY))
  })

  test('with holds, captures and reversals among them leave nothing held and nothing lost', async () => {
    const expiresAt = books.clock() + 1_000
    const outcomes = await Promise.all(
      Array.from({ length: 80 }, async (_, i) => {
        const [holder, shop] = [at(i), at(i + 3)]
        const held = await books.store.write((tx) =>
          books.ledger.hold(tx, { accountId: holder, amount: 50, purpose: 'test', expiresAt }),
        )
        if (!held.ok) return held.code
        if (i % 4 === 0) return (await books.store.write((tx) => books.ledger.release(tx, held.value.id))).ok
        const captured = await books.store.write((tx) =>
          books.ledger.capture(tx, {
            holdId: held.value.id,
            type: 'withdrawal',
            amount: 50,
            currency: 'USD',
            debitAccountId: holder,
            creditAccountId: shop,
            legs: [
              { accountId: holder, amount: -50 },
              { accountId: shop, amount: 50 },
            ],
          }),
        )
        if (!captured.ok) return captured.code
        return (await books.store.write((tx) => books.ledger.reverse(tx, captured.value.transfer.id))).ok
      }),
    )
    expect(new Set(outcomes)).toEqual(new Set([true]))
    expect(await settled()).toEqual(ids.map(() => MONEY))
  })
})

describe('two who want the same money', () => {
  test.each([2, 9])('or more (%i), when it is enough for one: exactly one gets it', async (rivals) => {
    const results = await Promise.all(
      Array.from({ length: rivals }, (_, i) => books.move({ from: at(0), to: at(1 + (i % 7)), amount: MONEY })),
    )
    const outcomes = results.map((result): string => (result.ok ? 'done' : result.code)).sort()
    expect(outcomes).toEqual(['done', ...Array.from({ length: rivals - 1 }, () => 'insufficient_funds')])
    expect((await settled())[0]).toBe(0)
  })

  test('one by a movement and one by a hold: exactly one gets it', async () => {
    const [moved, held] = await Promise.all([
      books.move({ from: at(0), to: at(1), amount: MONEY }),
      books.store.write((tx) =>
        books.ledger.hold(tx, { accountId: at(0), amount: 1, purpose: 'test', expiresAt: books.clock() + 1 }),
      ),
    ])
    expect([moved.ok, held.ok].filter(Boolean)).toHaveLength(1)
    await settled()
  })

  test('and the same hold: it is captured once', async () => {
    const held = await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: at(0), amount: MONEY, purpose: 'test', expiresAt: books.clock() + 1_000 }),
    )
    if (!held.ok) throw new Error(held.code)
    const capture = (shop: string) =>
      books.store.write((tx) =>
        books.ledger.capture(tx, {
          holdId: held.value.id,
          type: 'withdrawal',
          amount: MONEY,
          currency: 'USD',
          debitAccountId: at(0),
          creditAccountId: shop,
          legs: [
            { accountId: at(0), amount: -MONEY },
            { accountId: shop, amount: MONEY },
          ],
        }),
      )
    const results = await Promise.all([capture(at(1)), capture(at(2)), capture(at(3))])
    const outcomes = results.map((result): string => (result.ok ? 'done' : result.code)).sort()
    expect(outcomes).toEqual(['done', 'hold_ended', 'hold_ended'])
    expect((await settled())[0]).toBe(0)
  })

  test('and the same hold, one releasing it and one sweeping it up: it ends once', async () => {
    const held = await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: at(0), amount: 100, purpose: 'test', expiresAt: books.clock() }),
    )
    if (!held.ok) throw new Error(held.code)
    const [released, expired] = await Promise.all([
      books.store.write((tx) => books.ledger.release(tx, held.value.id)),
      books.store.write((tx) => books.ledger.expireHolds(tx, 'test', 10)),
    ])
    expect((released.ok ? 1 : 0) + expired.length).toBe(1)
    expect(await books.stateOf(at(0))).toMatchObject({ balance: MONEY, held: 0 })
    await settled()
  })
})
