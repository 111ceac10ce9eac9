/** The books, specified: what is refused and why, what the past was, and what nobody can change unnoticed. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { accountKinds, type StatementRow } from '../../../src/modules/ledger'
import { engine } from '../../../src/platform/db'
import { LARGEST_AMOUNT } from '../../../src/platform/money'
import { type Books, openBooks, whyRefused } from './books'

const MARK_EVERY = 64
const HOUR_MS = 3_600_000

const codeOf = (result: { ok: boolean; code?: string }) => (result.ok ? 'done' : result.code)

describe('a movement', () => {
  let books: Books
  beforeAll(async () => {
    books = await openBooks()
  })
  afterAll(() => books.end())

  test('debits one and credits the other by the same amount, and says what both have now', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(50)]
    const { transfer, balances } = await books.moved({ from: payer, to: payee, amount: 300 })
    expect(transfer).toMatchObject({
      type: 'transfer',
      amount: 300,
      fee: 0,
      currency: 'USD',
      debitAccountId: payer,
      creditAccountId: payee,
      reversalOf: null,
      at: books.clock(),
    })
    expect(Object.fromEntries(balances)).toEqual({ [payer]: 700, [payee]: 350 })
    expect(await books.stateOf(payer)).toEqual({ balance: 700, held: 0, count: 2 })
    expect(await books.stateOf(payee)).toEqual({ balance: 350, held: 0, count: 2 })
  })

  test('may take the whole balance, but not one unit more', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(0)]
    const refused = await books.move({ from: payer, to: payee, amount: 1_001 })
    expect(refused).toMatchObject({ ok: false, code: 'insufficient_funds', members: { available: 1_000 } })
    expect(await books.stateOf(payer)).toEqual({ balance: 1_000, held: 0, count: 1 })
    expect(codeOf(await books.move({ from: payer, to: payee, amount: 1_000 }))).toBe('done')
    expect((await books.stateOf(payer)).balance).toBe(0)
  })

  test('cannot use what is held, not by one unit', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(0)]
    const expiresAt = books.clock() + HOUR_MS
    await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: payer, amount: 400, purpose: 'test', expiresAt }),
    )
    expect(await books.move({ from: payer, to: payee, amount: 601 })).toMatchObject({
      code: 'insufficient_funds',
      members: { available: 600 },
    })
    expect(codeOf(await books.move({ from: payer, to: payee, amount: 600 }))).toBe('done')
  })

  test('to an account that is not there is refused', async () => {
    const payer = await books.customer(100)
    const to = 'acc_00000000000000000000'
    expect(codeOf(await books.move({ from: payer, to, amount: 1 }))).toBe('account_not_found')
    expect(codeOf(await books.move({ from: to, to: payer, amount: 1 }))).toBe('account_not_found')
  })

  test('to or from a frozen account is refused until it is active again', async () => {
    const [payer, payee] = [await books.customer(100), await books.customer(100)]
    await books.inUnit(`update accounts set state = 'frozen' where id = '${payee}'`)
    expect(codeOf(await books.move({ from: payer, to: payee, amount: 1 }))).toBe('account_frozen')
    expect(codeOf(await books.move({ from: payee, to: payer, amount: 1 }))).toBe('account_frozen')
    await books.inUnit(`update accounts set state = 'active' where id = '${payee}'`)
    expect(codeOf(await books.move({ from: payer, to: payee, amount: 1 }))).toBe('done')
  })

  test('to or from a closed account is refused', async () => {
    const [payer, payee] = [await books.customer(100), await books.customer(100)]
    await books.inUnit(`update accounts set state = 'closed' where id = '${payee}'`)
    expect(codeOf(await books.move({ from: payer, to: payee, amount: 1 }))).toBe('account_closed')
    expect(codeOf(await books.move({ from: payee, to: payer, amount: 1 }))).toBe('account_closed')
  })

  test('between accounts of two currencies, or in a third, is refused', async () => {
    const [dollars, meticais] = [await books.customer(100), await books.customer(100, 'MZN')]
    expect(codeOf(await books.move({ from: dollars, to: meticais, amount: 1 }))).toBe('currency_mismatch')
    expect(codeOf(await books.move({ from: dollars, to: meticais, amount: 1, currency: 'MZN' }))).toBe(
      'currency_mismatch',
    )
    const other = await books.customer(0)
    expect(codeOf(await books.move({ from: dollars, to: other, amount: 1, currency: 'MZN' }))).toBe('currency_mismatch')
  })

  test('may fill a balance to the largest number that is counted exactly, and not beyond', async () => {
    const payee = await books.customer(0)
    const [first, second] = [await books.open('trust'), await books.open('trust')]
    expect(codeOf(await books.move({ from: first, to: payee, amount: LARGEST_AMOUNT }))).toBe('done')
    expect(codeOf(await books.move({ from: second, to: payee, amount: 1 }))).toBe('balance_limit_exceeded')
    const emptied = await books.customer(0)
    expect(codeOf(await books.move({ from: first, to: emptied, amount: 1 }))).toBe('balance_limit_exceeded')
    expect(await books.stateOf(payee)).toMatchObject({ balance: LARGEST_AMOUNT, count: 1 })
    await books.moved({ from: payee, to: first, amount: LARGEST_AMOUNT })
  })

  test('overdraws the trust account and no other kind', async () => {
    for (const kind of Object.keys(accountKinds) as Array<keyof typeof accountKinds>) {
      const [payer, payee] = [await books.open(kind), await books.customer(0)]
      const outcome = codeOf(await books.move({ from: payer, to: payee, amount: 1 }))
      expect({ kind, outcome }).toEqual({ kind, outcome: kind === 'trust' ? 'done' : 'insufficient_funds' })
    }
  })

  test('that is refused leaves nothing behind', async () => {
    const [payer, payee] = [await books.customer(10), await books.customer(0)]
    const before = await books.verify()
    await books.move({ from: payer, to: payee, amount: 11 })
    const after = await books.verify()
    expect(after).toEqual(before)
  })

  test('is undone with the unit that it was in', async () => {
    const [payer, payee] = [await books.customer(10), await books.customer(0)]
    const unit = books.store.write(async (tx) => {
      await books.moveIn(tx, { from: payer, to: payee, amount: 10 })
      throw new Error('something after it went wrong')
    })
    expect(await whyRefused(unit)).toContain('something after it went wrong')
    expect(await books.stateOf(payer)).toEqual({ balance: 10, held: 0, count: 1 })
  })

  test('keeps each currency’s books apart, and each sums to zero', async () => {
    await books.customer(123, 'KES')
    await books.customer(456, 'MZN')
    const sums = new Map<string, number>()
    for (const { currency, balance } of await books.ledger.totals()) {
      sums.set(currency, (sums.get(currency) ?? 0) + balance)
    }
    expect(Object.fromEntries(sums)).toEqual({ KES: 0, MZN: 0, USD: 0 })
    const { totals } = await books.verify()
    expect(totals.find(({ currency }) => currency === 'KES')).toEqual({ currency: 'KES', issued: 123, trust: 123 })
  })

  test('leaves books that prove themselves', async () => {
    const report = await books.verify()
    expect(report.findings).toEqual([])
  })
})

describe('an account', () => {
  let books: Books
  beforeAll(async () => {
    books = await openBooks()
  })
  afterAll(() => books.end())

  test('is opened once for an owner, a kind and a currency', async () => {
    const name = { ownerId: 'usr_one', kind: 'customer', currency: 'USD' } as const
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => books.store.write((tx) => books.ledger.ensure(tx, name))),
    )
    expect(new Set(ids).size).toBe(1)
    const other = await books.store.write((tx) => books.ledger.ensure(tx, { ...name, currency: 'MZN' }))
    expect(other).not.toBe(ids[0] as string)
    expect(await books.ledger.find(books.store.read, name)).toMatchObject({ id: ids[0] as string, balance: 0, held: 0 })
  })

  test('that was opened in a unit that failed is not remembered', async () => {
    const name = { ownerId: 'usr_two', kind: 'customer', currency: 'USD' } as const
    const failing = books.store.write(async (tx) => {
      await books.ledger.ensure(tx, name)
      await books.ledger.ensure(tx, name)
      throw new Error('undone')
    })
    expect(await whyRefused(failing)).toContain('undone')
    expect(await books.ledger.find(books.store.read, name)).toBeUndefined()
    const id = await books.store.write((tx) => books.ledger.ensure(tx, name))
    expect(await books.ledger.find(books.store.read, name)).toMatchObject({ id })
  })

  test('of the system is one account on SQLite, and of a busy kind several on PostgreSQL', async () => {
    const of = (kind: 'trust' | 'suspense', seed: string) =>
      books.store.write((tx) => books.ledger.system(tx, kind, 'USD', seed))
    const trust = new Set<string>()
    const suspense = new Set<string>()
    for (let i = 0; i < 40; i++) {
      trust.add(await of('trust', `seed ${i}`))
      suspense.add(await of('suspense', `seed ${i}`))
    }
    expect(suspense.size).toBe(1)
    expect(trust.size).toBeGreaterThanOrEqual(engine === 'postgres' ? 2 : 1)
    expect(trust.size).toBeLessThanOrEqual(engine === 'postgres' ? 16 : 1)
    expect(await of('trust', 'seed 7')).toBe(await of('trust', 'seed 7'))
  })
})

describe('a hold', () => {
  let books: Books
  let holder: string
  let shop: string
  beforeAll(async () => {
    books = await openBooks()
  })
  afterAll(() => books.end())
  beforeEach(async () => {
    holder = await books.customer(1_000)
    shop = await books.customer(0)
  })

  const holdOf = (amount: number, lastsMs = HOUR_MS, accountId = holder) =>
    books.store.write((tx) =>
      books.ledger.hold(tx, { accountId, amount, purpose: 'withdrawal', expiresAt: books.clock() + lastsMs }),
    )

  async function held(amount: number, lastsMs?: number): Promise<string> {
    const result = await holdOf(amount, lastsMs)
    if (!result.ok) throw new Error(result.code)
    return result.value.id
  }

  const capture = (holdId: string, amount: number, options: { captured?: number; keepRest?: boolean } = {}) =>
    books.store.write((tx) =>
      books.ledger.capture(tx, {
        holdId,
        ...options,
        type: 'withdrawal',
        amount,
        currency: 'USD',
        debitAccountId: holder,
        creditAccountId: shop,
        legs: [
          { accountId: holder, amount: -amount },
          { accountId: shop, amount },
        ],
      }),
    )
  const release = (holdId: string) => books.store.write((tx) => books.ledger.release(tx, holdId))
  const stateOf = async (holdId: string) => (await books.ledger.getHold(books.store.read, holdId))?.state

  test('sets money aside without moving it', async () => {
    const result = await holdOf(400)
    expect(result).toMatchObject({
      ok: true,
      value: { accountId: holder, amount: 400, captured: 0, state: 'open', endedAt: null, createdAt: books.clock() },
    })
    expect(await books.stateOf(holder)).toEqual({ balance: 1_000, held: 400, count: 1 })
  })

  test('may take all that is available, but not one unit more', async () => {
    expect(await holdOf(1_001)).toMatchObject({ code: 'insufficient_funds', members: { available: 1_000 } })
    expect(codeOf(await holdOf(600))).toBe('done')
    expect(await holdOf(401)).toMatchObject({ code: 'insufficient_funds', members: { available: 400 } })
    expect(codeOf(await holdOf(400))).toBe('done')
    expect((await books.stateOf(holder)).held).toBe(1_000)
  })

  test('is refused on an account that is frozen, closed or not there', async () => {
    expect(codeOf(await holdOf(1, HOUR_MS, 'acc_00000000000000000000'))).toBe('account_not_found')
    await books.inUnit(`update accounts set state = 'frozen' where id = '${holder}'`)
    expect(codeOf(await holdOf(1))).toBe('account_frozen')
    await books.inUnit(`update accounts set state = 'closed' where id = '${holder}'`)
    expect(codeOf(await holdOf(1))).toBe('account_closed')
  })

  test('captured wholly moves the money, once', async () => {
    const hold = await held(400)
    expect(codeOf(await capture(hold, 400))).toBe('done')
    expect(await books.stateOf(holder)).toEqual({ balance: 600, held: 0, count: 2 })
    expect(await stateOf(hold)).toBe('captured')
    expect(codeOf(await capture(hold, 400))).toBe('hold_ended')
    expect(codeOf(await release(hold))).toBe('hold_ended')
    expect(await books.stateOf(holder)).toEqual({ balance: 600, held: 0, count: 2 })
  })

  test('captured in part lets go of the rest', async () => {
    const hold = await held(400)
    expect(codeOf(await capture(hold, 150, { captured: 150 }))).toBe('done')
    expect(await books.stateOf(holder)).toEqual({ balance: 850, held: 0, count: 2 })
    expect(await stateOf(hold)).toBe('captured')
    expect(codeOf(await capture(hold, 1, { captured: 1 }))).toBe('hold_ended')
  })

  test('captured in part with the rest kept serves a later capture, and ends with the last unit', async () => {
    const hold = await held(400)
    expect(codeOf(await capture(hold, 150, { captured: 150, keepRest: true }))).toBe('done')
    expect(await books.stateOf(holder)).toEqual({ balance: 850, held: 250, count: 2 })
    expect(await stateOf(hold)).toBe('open')
    expect(codeOf(await capture(hold, 251, { captured: 251, keepRest: true }))).toBe('hold_exceeded')
    expect(codeOf(await capture(hold, 250, { captured: 250, keepRest: true }))).toBe('done')
    expect(await books.stateOf(holder)).toEqual({ balance: 600, held: 0, count: 3 })
    expect(await stateOf(hold)).toBe('captured')
  })

  test('whose rest was kept gives the rest back when it is released', async () => {
    const hold = await held(400)
    await capture(hold, 150, { captured: 150, keepRest: true })
    expect(codeOf(await release(hold))).toBe('done')
    expect(await books.stateOf(holder)).toEqual({ balance: 850, held: 0, count: 2 })
    expect(await stateOf(hold)).toBe('released')
  })

  test('cannot be captured by one unit more than it holds', async () => {
    const hold = await held(400)
    expect(codeOf(await capture(hold, 401, { captured: 401 }))).toBe('hold_exceeded')
    expect(await books.stateOf(holder)).toEqual({ balance: 1_000, held: 400, count: 1 })
  })

  test('whose capture is refused stays as it was', async () => {
    const hold = await held(400)
    await books.inUnit(`update accounts set state = 'frozen' where id = '${shop}'`)
    expect(codeOf(await capture(hold, 400))).toBe('account_frozen')
    expect(await stateOf(hold)).toBe('open')
    expect(await books.stateOf(holder)).toEqual({ balance: 1_000, held: 400, count: 1 })
  })

  test('released gives the money back, once', async () => {
    const hold = await held(400)
    expect(codeOf(await release(hold))).toBe('done')
    expect(codeOf(await release(hold))).toBe('hold_ended')
    expect(codeOf(await capture(hold, 400))).toBe('hold_ended')
    expect(await books.stateOf(holder)).toEqual({ balance: 1_000, held: 0, count: 1 })
  })

  test('that is not there is neither captured nor released', async () => {
    expect(codeOf(await capture('hld_00000000000000000000', 1))).toBe('hold_not_found')
    expect(codeOf(await release('hld_00000000000000000000'))).toBe('hold_not_found')
  })

  test('can be captured until the millisecond before it expires, and not at it', async () => {
    const [first, second] = [await held(100, 1_000), await held(100, 1_000)]
    books.clock.advance(999)
    expect(codeOf(await capture(first, 100))).toBe('done')
    books.clock.advance(1)
    expect(codeOf(await capture(second, 100))).toBe('hold_expired')
    expect(await stateOf(second)).toBe('open')
  })

  test('whose time is over is ended by the next sweep of its purpose, and gives back what was left', async () => {
    const [due, open] = [await held(300, 1_000), await held(200, 2_000)]
    await capture(due, 100, { captured: 100, keepRest: true })
    books.clock.advance(1_000)
    const sweep = (purpose: string) => books.store.write((tx) => books.ledger.expireHolds(tx, purpose, 100))
    expect(await sweep('another purpose')).toEqual([])
    const ended = await sweep('withdrawal')
    expect(ended.map(({ id }) => id)).toContain(due)
    expect(ended.map(({ id }) => id)).not.toContain(open)
    expect(await stateOf(due)).toBe('expired')
    expect(await stateOf(open)).toBe('open')
    expect(await books.stateOf(holder)).toEqual({ balance: 900, held: 200, count: 2 })
    expect(await sweep('withdrawal')).toEqual([])
    expect(codeOf(await capture(due, 100))).toBe('hold_ended')
  })

  test('a sweep ends no more holds than it was asked to, the longest overdue first', async () => {
    for (const lastsMs of [2_000, 1_000]) {
      const expiresAt = books.clock() + lastsMs
      await books.store.write((tx) =>
        books.ledger.hold(tx, { accountId: holder, amount: lastsMs / 100, purpose: 'sweeping', expiresAt }),
      )
    }
    books.clock.advance(2_000)
    const sweep = () => books.store.write((tx) => books.ledger.expireHolds(tx, 'sweeping', 1))
    expect((await sweep()).map(({ amount }) => amount)).toEqual([10])
    expect((await sweep()).map(({ amount }) => amount)).toEqual([20])
    expect(await sweep()).toEqual([])
  })

  test('leaves books that prove themselves', async () => {
    expect((await books.verify()).findings).toEqual([])
  })
})

describe('a reversal', () => {
  let books: Books
  beforeAll(async () => {
    books = await openBooks()
  })
  afterAll(() => books.end())
  const reverse = (id: string) => books.store.write((tx) => books.ledger.reverse(tx, id))

  test('books the exact opposite of every leg, fee included', async () => {
    const [payer, payee, fees] = [await books.customer(1_000), await books.customer(0), await books.open('fees')]
    const posted = await books.store.write((tx) =>
      books.ledger.transfer(tx, {
        type: 'transfer',
        amount: 500,
        fee: 7,
        currency: 'USD',
        debitAccountId: payer,
        creditAccountId: payee,
        legs: [
          { accountId: payer, amount: -507 },
          { accountId: payee, amount: 500 },
          { accountId: fees, amount: 7 },
        ],
      }),
    )
    if (!posted.ok) throw new Error(posted.code)
    const { id } = posted.value.transfer
    const reversed = await reverse(id)
    expect(reversed).toMatchObject({
      ok: true,
      value: {
        transfer: {
          type: 'reversal',
          amount: 500,
          fee: 7,
          debitAccountId: payee,
          creditAccountId: payer,
          reversalOf: id,
        },
      },
    })
    expect((await books.stateOf(payer)).balance).toBe(1_000)
    expect((await books.stateOf(payee)).balance).toBe(0)
    expect((await books.stateOf(fees)).balance).toBe(0)
  })

  test('happens once, and cannot itself be reversed', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(0)]
    const { transfer } = await books.moved({ from: payer, to: payee, amount: 500 })
    const first = await reverse(transfer.id)
    expect(codeOf(first)).toBe('done')
    expect(codeOf(await reverse(transfer.id))).toBe('already_reversed')
    if (first.ok) expect(codeOf(await reverse(first.value.transfer.id))).toBe('not_reversible')
    expect(await books.stateOf(payer)).toEqual({ balance: 1_000, held: 0, count: 3 })
  })

  test('asked for twice at once happens once', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(5_000)]
    const { transfer } = await books.moved({ from: payer, to: payee, amount: 500 })
    const outcomes = (await Promise.all([reverse(transfer.id), reverse(transfer.id)])).map(codeOf)
    expect(outcomes.sort()).toEqual(['already_reversed', 'done'])
    expect((await books.stateOf(payer)).balance).toBe(1_000)
  })

  test('is refused when the money was spent, even by one unit', async () => {
    const [payer, payee] = [await books.customer(1_000), await books.customer(0)]
    const { transfer } = await books.moved({ from: payer, to: payee, amount: 500 })
    await books.moved({ from: payee, to: payer, amount: 1 })
    expect(codeOf(await reverse(transfer.id))).toBe('insufficient_funds')
    await books.moved({ from: payer, to: payee, amount: 1 })
    expect(codeOf(await reverse(transfer.id))).toBe('done')
  })

  test('of a transfer that is not there is refused', async () => {
    expect(codeOf(await reverse('txn_00000000000000000000'))).toBe('transfer_not_found')
  })

  test('leaves books that prove themselves', async () => {
    expect((await books.verify()).findings).toEqual([])
  })
})

describe('the past of an account', () => {
  const ENTRIES = 3 * MARK_EVERY + 8
  let books: Books
  let id: string
  /** What the account went through, oldest first, as the test saw it. */
  const history: Array<{ transferId: string; at: number; amount: number; balance: number; type: string }> = []
  let beforeFirst: number

  beforeAll(async () => {
    books = await openBooks()
    id = await books.open('customer')
    const [trust, sink] = [await books.open('trust'), await books.customer(0)]
    beforeFirst = books.clock()
    let balance = 0
    for (let i = 0; i < ENTRIES; i++) {
      // Several entries share a moment, the clock leaps, and at times it goes back, also across a mark.
      const step = i % 5 === 0 ? 40 : i % 63 === 0 ? -5_000 : i % 7 === 0 ? 3_000 : 0
      books.clock.advance(i === 0 ? 1_000 : step)
      const out = i % 3 === 2
      const amount = out ? -(i + 1) : 3 * i + 10
      const type = (['transfer', 'deposit', 'withdrawal'] as const)[i % 3] as 'transfer'
      const [from, to] = out ? [id, sink] : [trust, id]
      const { transfer } = await books.moved({ from, to, amount: Math.abs(amount), type })
      balance += amount
      const at = Math.max(transfer.at, history.at(-1)?.at ?? 0)
      history.push({ transferId: transfer.id, at, amount, balance, type })
    }
  })
  afterAll(() => books.end())

  const balanceThen = (moment: number) => history.findLast(({ at }) => at <= moment)?.balance ?? 0

  test('was nothing before its first entry', async () => {
    expect(await books.ledger.balanceAt(id, beforeFirst)).toBe(0)
    expect(await books.ledger.balanceAt(id, (history[0]?.at ?? 0) - 1)).toBe(0)
    expect(await books.ledger.balanceAt(id, 0)).toBe(0)
  })

  test('is known at every moment at which something happened, just before it and just after it', async () => {
    const moments = new Set(history.flatMap(({ at }) => [at - 1, at, at + 1]))
    expect(moments.size).toBeGreaterThan(100)
    for (const moment of moments) {
      const told = await books.ledger.balanceAt(id, moment)
      expect({ moment, balance: told }).toEqual({ moment, balance: balanceThen(moment) })
    }
  })

  test('is the present from its last entry on', async () => {
    const last = history.at(-1)
    expect(await books.ledger.balanceAt(id, last?.at ?? 0)).toBe(last?.balance ?? -1)
    expect(await books.ledger.balanceAt(id, (last?.at ?? 0) + 10 * HOUR_MS)).toBe(last?.balance ?? -1)
  })

  test('goes forward even when the clock went back', () => {
    const clockWentBack = history.some(({ at }, i) => i > 0 && at === history[i - 1]?.at && i % 63 === 0)
    expect(clockWentBack).toBe(true)
    expect(history.every(({ at }, i) => i === 0 || at >= (history[i - 1]?.at ?? 0))).toBe(true)
  })

  test('of an account without entries is nothing', async () => {
    const empty = await books.open('customer')
    expect(await books.ledger.balanceAt(empty, books.clock())).toBe(0)
    expect(await books.ledger.statement({ accountId: empty, limit: 10 })).toEqual({ rows: [], next: null })
  })

  async function walkAll(query: { limit: number; from?: number; to?: number; type?: string }): Promise<StatementRow[]> {
    const rows: StatementRow[] = []
    let after: string | undefined
    for (let pages = 0; pages <= ENTRIES + 1; pages++) {
      const page = await books.ledger.statement({ accountId: id, after, ...query })
      expect(page.rows.length).toBeLessThanOrEqual(query.limit)
      rows.push(...page.rows)
      if (page.next === null) return rows
      after = page.next
    }
    throw new Error('the pages have no end')
  }

  const told = (rows: StatementRow[]) =>
    rows.map(({ transferId, at, amount, balance, type }) => ({ transferId, at, amount, balance, type }))
  const newestFirst = (kept: (row: (typeof history)[number]) => boolean = () => true) => history.filter(kept).reverse()

  test.each([1, 7, MARK_EVERY, ENTRIES - 1, ENTRIES, ENTRIES + 1])(
    'all pages of %i are all entries, newest first, none twice',
    async (limit) => {
      const rows = await walkAll({ limit })
      expect(told(rows)).toEqual(newestFirst())
      expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: ENTRIES }, (_, i) => ENTRIES - i))
    },
  )

  test('a page that ends with the first entry says that there is no other', async () => {
    expect((await books.ledger.statement({ accountId: id, limit: ENTRIES })).next).toBeNull()
    expect((await books.ledger.statement({ accountId: id, limit: ENTRIES - 1 })).next).not.toBeNull()
  })

  test.each(['transfer', 'deposit', 'withdrawal', 'billpay'])(
    'of the type %s all pages are all of it',
    async (type) => {
      for (const limit of [1, 9, 200]) {
        expect(told(await walkAll({ limit, type }))).toEqual(newestFirst((row) => row.type === type))
      }
    },
  )

  test('from a moment (with it) to a moment (without it) all pages are all between', async () => {
    const moments = [0, 10, 63, 64, 65, 128, 150, ENTRIES - 1].map((i) => history[i]?.at ?? 0)
    for (const from of moments) {
      for (const to of moments) {
        const between = newestFirst(({ at }) => at >= from && at < to)
        expect(told(await walkAll({ limit: 50, from, to }))).toEqual(between)
      }
    }
    const [from, to] = [history[20]?.at ?? 0, history[170]?.at ?? 0]
    expect(told(await walkAll({ limit: 7, from, to, type: 'deposit' }))).toEqual(
      newestFirst(({ at, type }) => at >= from && at < to && type === 'deposit'),
    )
  })

  test('before the account began, and after it ended, there is nothing', async () => {
    expect(await walkAll({ limit: 10, to: history[0]?.at ?? 0 })).toEqual([])
    expect(await walkAll({ limit: 10, from: (history.at(-1)?.at ?? 0) + 1 })).toEqual([])
  })

  test('a place in another account’s statement is no place in this one', async () => {
    const other = await books.customer(10)
    const { rows } = await books.ledger.statement({ accountId: other, limit: 1 })
    const page = await books.ledger.statement({ accountId: id, limit: 10, after: rows[0]?.transferId })
    expect(page).toEqual({ rows: [], next: null })
  })

  test('left a mark at every 64th entry, and the books prove themselves', async () => {
    const marks = await books.rows<{ number: number | string }>(
      `select number from entry_marks where account_id = '${id}' order by number`,
    )
    expect(marks.map(({ number }) => Number(number))).toEqual([64, 128, 192])
    expect((await books.verify()).findings).toEqual([])
  })
})

describe('the database itself refuses', () => {
  let books: Books
  let customer: string
  let hold: string
  beforeAll(async () => {
    books = await openBooks()
    customer = await books.customer(1_000)
    const other = await books.customer(1_000)
    for (let i = 0; i < MARK_EVERY / 2; i++) {
      await books.moved({ from: customer, to: other, amount: 5 })
      await books.moved({ from: other, to: customer, amount: 5 })
    }
    const held = await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: customer, amount: 300, purpose: 'test', expiresAt: books.clock() + 1 }),
    )
    if (!held.ok) throw new Error(held.code)
    hold = held.value.id
    await books.inUnit(
      `insert into audit_log (id, at, actor, action, subject, outcome, address, detail)
       values ('aud_1', 1, 'usr_1', 'freeze', 'usr_2', 'allowed', null, '{}')`,
    )
  })
  afterAll(() => books.end())

  test.each([
    ['to change a transfer', 'update transfers set amount = amount + 1'],
    ['to delete a transfer', 'delete from transfers'],
    ['to change an entry', 'update entries set amount = amount + 1'],
    ['to change an entry to what it is', 'update entries set amount = amount'],
    ['to delete an entry', 'delete from entries'],
    ['to change a mark', 'update entry_marks set at = at + 1'],
    ['to delete a mark', 'delete from entry_marks'],
    ['to change the audit log', `update audit_log set actor = 'nobody'`],
    ['to delete from the audit log', 'delete from audit_log'],
    ['to delete an account', 'delete from accounts'],
    ['to turn an account into another kind', `update accounts set kind = 'trust'`],
    ['to let an account overdraw', 'update accounts set may_overdraw = not may_overdraw'],
    ['to give an account another owner', `update accounts set owner_id = 'usr_thief'`],
    ['to give an account another currency', `update accounts set currency = 'MZN'`],
    ['to delete a hold', 'delete from holds'],
  ])('%s', async (_, statement) => {
    const before = await books.verify()
    expect(await whyRefused(books.inUnit(statement))).toContain('append_only')
    expect(await books.verify()).toEqual(before)
    expect(before.findings).toEqual([])
  })

  test('to open a hold again that has ended', async () => {
    const released = await books.store.write(async (tx) => {
      const made = await books.ledger.hold(tx, { accountId: customer, amount: 1, purpose: 'test', expiresAt: 1 })
      if (!made.ok) throw new Error(made.code)
      return books.ledger.release(tx, made.value.id)
    })
    if (!released.ok) throw new Error(released.code)
    const again = books.inUnit(`update holds set state = 'open' where id = '${released.value.id}'`)
    expect(await whyRefused(again)).toContain('append_only')
  })

  test.each([
    ['a customer’s overdraft', 'set balance = -1, held = 0', 'accounts_available'],
    ['a balance under its holds, by one unit', 'set balance = held - 1', 'accounts_available'],
    ['more held than there is', 'set held = balance + 1', 'accounts_available'],
    ['less than nothing held', 'set held = -1', 'accounts_held'],
    ['a state that there is not', `set state = 'gone'`, 'accounts_state'],
  ])('%s', async (_, change, constraint) => {
    const before = await books.stateOf(customer)
    expect(await whyRefused(books.inUnit(`update accounts ${change} where id = '${customer}'`))).toContain(constraint)
    expect(await books.stateOf(customer)).toEqual(before)
  })

  test('more captured than was held', async () => {
    const attempt = books.inUnit(`update holds set captured = amount + 1 where id = '${hold}'`)
    expect(await whyRefused(attempt)).toContain('holds_amount')
  })

  test('a second reversal of one transfer', async () => {
    const [a, b] = [await books.customer(10), await books.customer(10)]
    const { transfer } = await books.moved({ from: a, to: b, amount: 1 })
    await books.store.write((tx) => books.ledger.reverse(tx, transfer.id))
    const attempt = books.inUnit(
      `insert into transfers (id, type, amount, fee, currency, debit_account_id, credit_account_id, reversal_of, at)
       values ('txn_again', 'reversal', 1, 0, 'USD', '${b}', '${a}', '${transfer.id}', 1)`,
    )
    expect(await whyRefused(attempt)).toMatch(/reversal_of/)
  })
})

describe('verify-ledger names what was tampered with', () => {
  let books: Books
  let customer: string
  let other: string
  let transferId: string
  beforeEach(async () => {
    books = await openBooks()
    customer = await books.customer(1_000)
    other = await books.customer(1_000)
    await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: customer, amount: 300, purpose: 'test', expiresAt: books.clock() + HOUR_MS }),
    )
    transferId = (await books.moved({ from: customer, to: other, amount: 70 })).transfer.id
    await books.moved({ from: other, to: customer, amount: 7 })
    expect((await books.verify()).findings).toEqual([])
  })
  afterEach(() => books.end())

  test.each([
    ['transfer', (account: string) => ['txn_none', account]],
    ['account', (_: string, transfer: string) => [transfer, 'acc_none']],
  ])('an entry whose %s is not there', async (_, of) => {
    const [transfer, account] = of(customer, transferId)
    await books.inUnit(
      `insert into entries (transfer_id, account_id, number, amount, balance, previous_transfer_id, at)
       values ('${transfer}', '${account}', 9, 1, 1, null, 1)`,
    )
    const { findings } = await books.verify()
    expect(findings).toContainEqual({
      check: 'whatever is referred to is there',
      subject: transfer as string,
      detail: `an entry has no transfer, or no account ${account}`,
    })
  })

  const without = (trigger: string, table: string) =>
    engine === 'sqlite' ? `drop trigger ${trigger}` : `drop trigger ${trigger} on ${table}`

  /** `check: subject` of every finding. */
  async function found(): Promise<string[]> {
    const { ok, findings } = await books.verify()
    expect(ok).toBe(false)
    for (const { detail } of findings) expect(detail).not.toBe('')
    return findings.map(({ check, subject }) => `${check}: ${subject}`)
  }

  test('an entry whose amount was changed', async () => {
    await books.behindOurBack(
      without('entries_no_update', 'entries'),
      `update entries set amount = amount + 1 where transfer_id = '${transferId}' and account_id = '${other}'`,
    )
    const findings = await found()
    expect(findings).toContain(`a transfer’s entries sum to zero in each currency: ${transferId}`)
    expect(findings).toContain(`each entry follows the one before it: ${other}`)
    expect(findings).toContain(`an account’s balance is the sum of its entries: ${other}`)
    expect(findings).toContain('the database refuses changes of what was booked: entries_no_update')
  })

  test('an entry whose balance was changed', async () => {
    await books.behindOurBack(
      without('entries_no_update', 'entries'),
      `update entries set balance = balance + 1 where transfer_id = '${transferId}' and account_id = '${other}'`,
    )
    expect(await found()).toContain(`each entry follows the one before it: ${other}`)
  })

  test('an account whose balance was changed', async () => {
    await books.behindOurBack(`update accounts set balance = balance + 1 where id = '${customer}'`)
    expect(await found()).toEqual([
      `an account’s balance is the sum of its entries: ${customer}`,
      'all accounts of a currency sum to zero: USD',
    ])
  })

  test('two accounts between which money was moved without a transfer', async () => {
    await books.behindOurBack(
      `update accounts set balance = balance - 5 where id = '${customer}'`,
      `update accounts set balance = balance + 5 where id = '${other}'`,
    )
    const sums = 'an account’s balance is the sum of its entries'
    expect((await found()).sort()).toEqual([`${sums}: ${customer}`, `${sums}: ${other}`].sort())
  })

  test('an entry that was deleted', async () => {
    await books.behindOurBack(
      without('entries_no_delete', 'entries'),
      `delete from entries where transfer_id = '${transferId}' and account_id = '${other}'`,
    )
    const findings = await found()
    expect(findings).toContain(`a transfer’s entries sum to zero in each currency: ${transferId}`)
    expect(findings).toContain(`a transfer has entries, all in its currency: ${transferId}`)
    expect(findings).toContain(`an account’s balance is the sum of its entries: ${other}`)
    expect(findings).toContain(`an account’s entries are numbered without a gap: ${other}`)
    expect(findings).toContain('the database refuses changes of what was booked: entries_no_delete')
  })

  test('a transfer that was deleted with all its entries', async () => {
    await books.behindOurBack(
      without('entries_no_delete', 'entries'),
      without('transfers_no_delete', 'transfers'),
      `delete from entries where transfer_id = '${transferId}'`,
      `delete from transfers where id = '${transferId}'`,
    )
    const findings = await found()
    expect(findings).toContain(`each entry follows the one before it: ${customer}`)
    expect(findings).toContain(`an account’s balance is the sum of its entries: ${other}`)
  })

  test('an account that holds more or less than its open holds', async () => {
    await books.behindOurBack(`update accounts set held = held - 1 where id = '${customer}'`)
    expect(await found()).toEqual([`what is held is the sum of the open holds: ${customer}`])
    await books.behindOurBack(`update accounts set held = held + 2 where id = '${customer}'`)
    expect(await found()).toEqual([`what is held is the sum of the open holds: ${customer}`])
  })

  test('a hold that was ended without giving back what it held', async () => {
    await books.behindOurBack(`update holds set state = 'released' where account_id = '${customer}'`)
    expect(await found()).toEqual([`what is held is the sum of the open holds: ${customer}`])
  })

  describe('of an account with marks', () => {
    beforeEach(async () => {
      for (let i = 0; i < MARK_EVERY; i++) {
        books.clock.advance(10)
        await books.moved({ from: other, to: customer, amount: 1 })
      }
      expect((await books.verify()).findings).toEqual([])
    })

    test('a mark that is missing', async () => {
      await books.behindOurBack(
        without('entry_marks_no_delete', 'entry_marks'),
        `delete from entry_marks where account_id = '${customer}'`,
      )
      const findings = await found()
      expect(findings).toContain(`the marks stand where the entries do: ${customer}`)
      expect(findings).not.toContain(`the marks stand where the entries do: ${other}`)
    })

    test('a mark whose moment was changed', async () => {
      await books.behindOurBack(
        without('entry_marks_no_update', 'entry_marks'),
        `update entry_marks set at = at + 1 where account_id = '${customer}'`,
      )
      expect(await found()).toContain(`the marks stand where the entries do: ${customer}`)
    })

    test('a mark that stands where no 64th entry is, and would lead a look into the past astray', async () => {
      await books.behindOurBack(
        `insert into entry_marks (account_id, number, transfer_id, at)
         select account_id, 1, transfer_id, at + 100000 from entries where account_id = '${customer}' and number = 1`,
      )
      expect(await found()).toContain(`the marks stand where the entries do: ${customer}`)
    })
  })

  test('a reversal that is not the opposite of its transfer', async () => {
    const reversed = await books.store.write((tx) => books.ledger.reverse(tx, transferId))
    if (!reversed.ok) throw new Error(reversed.code)
    const { id } = reversed.value.transfer
    await books.behindOurBack(
      without('entries_no_update', 'entries'),
      `update entries set amount = amount * 2 where transfer_id = '${id}'`,
    )
    expect(await found()).toContain(`a reversal is the exact opposite of its transfer: ${id}`)
  })

  test('every trigger that is missing', async () => {
    const triggers = [
      ['accounts_identity', 'accounts'],
      ['accounts_no_delete', 'accounts'],
      ['audit_log_no_delete', 'audit_log'],
      ['audit_log_no_update', 'audit_log'],
      ['entries_no_delete', 'entries'],
      ['entries_no_update', 'entries'],
      ['entry_marks_no_delete', 'entry_marks'],
      ['entry_marks_no_update', 'entry_marks'],
      ['holds_ended', 'holds'],
      ['holds_no_delete', 'holds'],
      ['transfers_no_delete', 'transfers'],
      ['transfers_no_update', 'transfers'],
    ] as const
    const named = (trigger: string) => `the database refuses changes of what was booked: ${trigger}`
    await books.behindOurBack(without('holds_ended', 'holds'))
    expect(await found()).toEqual([named('holds_ended')])
    for (const [trigger, table] of triggers) {
      if (trigger !== 'holds_ended') await books.behindOurBack(without(trigger, table))
    }
    expect((await found()).sort()).toEqual(triggers.map(([trigger]) => named(trigger)))
  })

  describe.if(engine === 'postgres')('on PostgreSQL', () => {
    test('a trigger that is switched off', async () => {
      await books.behindOurBack('alter table entries disable trigger entries_no_update')
      expect(await found()).toEqual(['the database refuses changes of what was booked: entries_no_update'])
    })

    test('a constraint on balances that was dropped', async () => {
      await books.behindOurBack('alter table accounts drop constraint accounts_available')
      expect(await found()).toEqual([expect.stringContaining('accounts_available')])
    })
  })
})
