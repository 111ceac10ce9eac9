/**
 * Properties of the books. A simple model in memory, which knows nothing of databases, is led through the same random
 * operations as the ledger; after each run both must tell the same, and the books must prove themselves.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type AccountState, type Leg, legsOf, post } from '../../../src/modules/ledger'
import { UnbalancedError } from '../../../src/modules/ledger/posting'
import { engine } from '../../../src/platform/db'
import { LARGEST_AMOUNT } from '../../../src/platform/money'
import type { Result } from '../../../src/platform/result'
import { type Books, openBooks } from './books'

const RUNS = engine === 'sqlite' ? 80 : 60
const HOLD_MS = 1_000

type Kind = 'customer' | 'float' | 'fees' | 'trust'
const KINDS: readonly Kind[] = ['customer', 'customer', 'float', 'fees', 'trust']
const TRUST = KINDS.length - 1

type Operation =
  | { do: 'transfer'; from: number; to: number; amount: number; fee: number }
  | { do: 'hold'; account: number; amount: number; lastsMs: number }
  | { do: 'capture'; hold: number; to: number; part: number | undefined; keepRest: boolean }
  | { do: 'release'; hold: number }
  | { do: 'reverse'; transfer: number }
  | { do: 'wait'; ms: number }
  | { do: 'expire' }
  | { do: 'freeze'; account: number; frozen: boolean }

interface Step {
  operation: Operation
  /** Whether it is asked for a second time at once, as a client that heard no answer does. */
  repeated: boolean
}

interface ModelHold {
  id: string
  account: number
  amount: number
  captured: number
  state: string
  expiresAt: number
}

interface ModelTransfer {
  id: string
  legs: Array<{ account: number; amount: number }>
  isReversal: boolean
  reversed: boolean
}

interface ModelAccount {
  id: string
  balance: number
  held: number
  entries: number
  mayOverdraw: boolean
  frozen: boolean
}

interface Model {
  accounts: ModelAccount[]
  holds: ModelHold[]
  transfers: ModelTransfer[]
}

const account = fc.nat({ max: KINDS.length - 1 })
const amount = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5_000 }))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('transfer' as const),
      from: account,
      to: account,
      amount,
      fee: fc.constantFrom(0, 0, 1, 7),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      account,
      amount,
      lastsMs: fc.constantFrom(1, HOLD_MS, 50 * HOLD_MS),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      hold: fc.nat({ max: 30 }),
      to: account,
      part: fc.option(fc.integer({ min: 1, max: 80 }), { nil: undefined }),
      keepRest: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), hold: fc.nat({ max: 30 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reverse' as const), transfer: fc.nat({ max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, HOLD_MS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('freeze' as const), account, frozen: fc.boolean() }),
  },
)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ operation, repeated: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)) }),
  { minLength: 10, maxLength: 45, size: 'max' },
)

describe('any sequence of operations', () => {
  let books: Books
  let run = 0
  const outcomes = new Map<string, number>()

  beforeAll(async () => {
    books = await openBooks()
  })
  afterAll(() => books.end())

  async function begin(): Promise<Model> {
    const accounts: ModelAccount[] = []
    for (const kind of KINDS) {
      const id = await books.open(kind)
      accounts.push({ id, balance: 0, held: 0, entries: 0, mayOverdraw: kind === 'trust', frozen: false })
    }
    const model: Model = { accounts, holds: [], transfers: [] }
    for (const to of [0, 1, 2]) await perform(model, { do: 'transfer', from: TRUST, to, amount: 300, fee: 0 })
    return model
  }

  /** The number means one of those that are there, whatever it is. */
  const oneOf = <Thing>(things: Thing[], number: number): Thing | undefined => things[number % things.length]
  const purpose = () => `run ${run}`

  /** Every reason that the model knows against a movement; none, and it must be booked. */
  function against(model: Model, legs: ModelTransfer['legs'], from?: { account: number; unheld: number }): Set<string> {
    const reasons = new Set<string>()
    for (const { account, amount } of legs) {
      const { balance, held, mayOverdraw, frozen } = model.accounts[account] as ModelAccount
      if (frozen) reasons.add('account_frozen')
      const stillHeld = held - (from?.account === account ? from.unheld : 0)
      if (amount < 0 && !mayOverdraw && balance + amount < stillHeld) reasons.add('insufficient_funds')
    }
    return reasons
  }

  /** Holds what the ledger answered against the reasons; true if it was done. */
  function agreed(result: Result<unknown, string>, reasons: Set<string>): boolean {
    const outcome = result.ok ? 'done' : result.code
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    expect(reasons.size === 0 ? ['done'] : [...reasons]).toContain(outcome)
    return result.ok
  }

  function book(model: Model, id: string, legs: ModelTransfer['legs'], isReversal = false): void {
    for (const { account, amount } of legs) {
      const changed = model.accounts[account] as ModelAccount
      changed.balance += amount
      changed.entries += 1
    }
    model.transfers.push({ id, legs, isReversal, reversed: false })
  }

  const idOf = (model: Model, index: number) => (model.accounts[index] as ModelAccount).id
  const asLegs = (model: Model, legs: ModelTransfer['legs']): Leg[] =>
    legs.map(({ account, amount }) => ({ accountId: idOf(model, account), amount }))

  async function transfer(model: Model, { from, to, amount, fee }: Extract<Operation, { do: 'transfer' }>) {
    const feesAt = KINDS.indexOf('fees')
    const sums = new Map<number, number>()
    for (const [account, by] of [
      [from, -amount - fee],
      [to, amount],
      [feesAt, fee],
    ] as const) {
      sums.set(account, (sums.get(account) ?? 0) + by)
    }
    const legs = [...sums].filter(([, sum]) => sum !== 0).map(([account, amount]) => ({ account, amount }))
    if (legs.length < 2) return
    const result = await books.store.write((tx) =>
      books.ledger.transfer(tx, {
        type: 'transfer',
        amount,
        fee,
        currency: 'USD',
        debitAccountId: idOf(model, from),
        creditAccountId: idOf(model, to),
        legs: asLegs(model, legs),
      }),
    )
    if (agreed(result, against(model, legs)) && result.ok) book(model, result.value.transfer.id, legs)
  }

  async function hold(model: Model, { account, amount, lastsMs }: Extract<Operation, { do: 'hold' }>) {
    const holder = model.accounts[account] as ModelAccount
    const expiresAt = books.clock() + lastsMs
    const result = await books.store.write((tx) =>
      books.ledger.hold(tx, { accountId: holder.id, amount, purpose: purpose(), expiresAt }),
    )
    const reasons = new Set<string>()
    if (holder.frozen) reasons.add('account_frozen')
    if (!holder.mayOverdraw && holder.balance - holder.held < amount) reasons.add('insufficient_funds')
    if (!agreed(result, reasons) || !result.ok) return
    holder.held += amount
    model.holds.push({ id: result.value.id, account, amount, captured: 0, state: 'open', expiresAt })
  }

  async function capture(model: Model, { hold, to, part, keepRest }: Extract<Operation, { do: 'capture' }>) {
    const held = oneOf(model.holds, hold)
    if (!held || held.account === to) return
    const left = held.amount - held.captured
    const amount = part ?? left
    // Of a hold that was used up nothing is left to ask for, so one unit is: it is refused whatever is asked.
    const asked = Math.max(1, amount)
    const legs = [
      { account: held.account, amount: -asked },
      { account: to, amount: asked },
    ]
    const unheld = keepRest ? asked : left
    const reasons =
      held.state !== 'open'
        ? new Set(['hold_ended'])
        : held.expiresAt <= books.clock()
          ? new Set(['hold_expired'])
          : asked > left
            ? new Set(['hold_exceeded'])
            : against(model, legs, { account: held.account, unheld })
    const result = await books.store.write((tx) =>
      books.ledger.capture(tx, {
        holdId: held.id,
        ...(part === undefined ? {} : { captured: asked }),
        keepRest,
        type: 'withdrawal',
        amount: asked,
        currency: 'USD',
        debitAccountId: idOf(model, held.account),
        creditAccountId: idOf(model, to),
        legs: asLegs(model, legs),
      }),
    )
    if (!agreed(result, reasons) || !result.ok) return
    book(model, result.value.transfer.id, legs)
    const holder = model.accounts[held.account] as ModelAccount
    holder.held -= unheld
    held.captured += asked
    if (unheld === left) held.state = 'captured'
  }

  function end(model: Model, held: ModelHold, state: string): void {
    held.state = state
    const holder = model.accounts[held.account] as ModelAccount
    holder.held -= held.amount - held.captured
  }

  async function release(model: Model, { hold }: Extract<Operation, { do: 'release' }>) {
    const held = oneOf(model.holds, hold)
    if (!held) return
    const result = await books.store.write((tx) => books.ledger.release(tx, held.id))
    const reasons = new Set(held.state === 'open' ? [] : ['hold_ended'])
    if (agreed(result, reasons)) end(model, held, 'released')
  }

  async function expire(model: Model) {
    const ended = await books.store.write((tx) => books.ledger.expireHolds(tx, purpose(), 1_000))
    const due = model.holds.filter(({ state, expiresAt }) => state === 'open' && expiresAt <= books.clock())
    expect(ended.map(({ id }) => id).sort()).toEqual(due.map(({ id }) => id).sort())
    for (const held of due) end(model, held, 'expired')
  }

  async function reverse(model: Model, { transfer }: Extract<Operation, { do: 'reverse' }>) {
    const original = oneOf(model.transfers, transfer)
    if (!original) return
    const legs = original.legs.map(({ account, amount }) => ({ account, amount: -amount }))
    const reasons = original.isReversal
      ? new Set(['not_reversible'])
      : original.reversed
        ? new Set(['already_reversed'])
        : against(model, legs)
    const result = await books.store.write((tx) => books.ledger.reverse(tx, original.id))
    if (!agreed(result, reasons) || !result.ok) return
    original.reversed = true
    book(model, result.value.transfer.id, legs, true)
  }

  async function freeze(model: Model, { account, frozen }: Extract<Operation, { do: 'freeze' }>) {
    const changed = model.accounts[account] as ModelAccount
    await books.inUnit(`update accounts set state = '${frozen ? 'frozen' : 'active'}' where id = '${changed.id}'`)
    changed.frozen = frozen
  }

  async function perform(model: Model, operation: Operation): Promise<void> {
    if (operation.do === 'transfer') return transfer(model, operation)
    if (operation.do === 'hold') return hold(model, operation)
    if (operation.do === 'capture') return capture(model, operation)
    if (operation.do === 'release') return release(model, operation)
    if (operation.do === 'reverse') return reverse(model, operation)
    if (operation.do === 'freeze') return freeze(model, operation)
    if (operation.do === 'expire') return expire(model)
    books.clock.advance(operation.ms)
  }

  const quoted = (ids: string[]) => ids.map((id) => `'${id}'`).join(', ')

  async function compare(model: Model): Promise<void> {
    const ids = quoted(model.accounts.map(({ id }) => id))
    const stored = await books.rows<Record<'id' | 'balance' | 'held' | 'entries' | 'sum' | 'opened', string | number>>(
      `select a.id, a.balance, a.held, a.entry_count as entries,
         (select coalesce(sum(e.amount), 0) from entries e where e.account_id = a.id) as sum,
         (select coalesce(sum(h.amount - h.captured), 0) from holds h where h.account_id = a.id and h.state = 'open') as opened
       from accounts a where a.id in (${ids})`,
    )
    for (const { id, balance, held, entries, mayOverdraw } of model.accounts) {
      const row = stored.find((each) => each.id === id)
      const told = {
        balance: Number(row?.balance),
        held: Number(row?.held),
        entries: Number(row?.entries),
        sumOfEntries: Number(row?.sum),
        openHolds: Number(row?.opened),
      }
      expect(told).toEqual({ balance, held, entries, sumOfEntries: balance, openHolds: held })
      if (!mayOverdraw) expect(told.balance - told.held).toBeGreaterThanOrEqual(0)
    }
    const holds = await books.rows<{ id: string; state: string; captured: number | string }>(
      `select id, state, captured from holds where account_id in (${ids}) order by id`,
    )
    expect(holds.map(({ id, state, captured }) => ({ id, state, captured: Number(captured) }))).toEqual(
      model.holds.map(({ id, state, captured }) => ({ id, state, captured })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    )
    const transfers = await books.rows<{ id: string; n: number | string; sum: number | string }>(
      `select transfer_id as id, count(*) as n, sum(amount) as sum from entries
       where account_id in (${ids}) group by transfer_id order by transfer_id`,
    )
    expect(transfers.map(({ id, n, sum }) => ({ id, n: Number(n), sum: Number(sum) }))).toEqual(
      model.transfers.map(({ id, legs }) => ({ id, n: legs.length, sum: 0 })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    )
  }

  test('leaves the database as the model says: balances, holds, entries, and each refusal', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        run += 1
        const model = await begin()
        for (const { operation, repeated } of chosen) {
          await perform(model, operation)
          if (repeated) await perform(model, operation)
        }
        await compare(model)
        const totals = await books.ledger.totals()
        expect(totals.reduce((sum, { balance }) => sum + balance, 0)).toBe(0)
      }),
      { numRuns: RUNS },
    )
  })

  test('came upon every outcome on its way, so that the property above says something', () => {
    for (const outcome of [
      'done',
      'insufficient_funds',
      'account_frozen',
      'hold_ended',
      'hold_expired',
      'hold_exceeded',
      'already_reversed',
      'not_reversible',
    ]) {
      expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(0)
    }
  })

  test('leaves books that prove themselves', async () => {
    const report = await books.verify()
    expect(report.findings).toEqual([])
    expect(report.ok).toBe(true)
    expect(report.transfers).toBeGreaterThan(RUNS)
  })
})

describe('posting', () => {
  const state = (id: string): fc.Arbitrary<AccountState> =>
    fc
      .record({
        mayOverdraw: fc.boolean(),
        balance: fc.oneof(fc.nat({ max: 1_000 }), fc.constantFrom(LARGEST_AMOUNT, LARGEST_AMOUNT - 5)),
        heldShare: fc.double({ min: 0, max: 1, noNaN: true }),
        state: fc.constantFrom('active', 'active', 'active', 'active', 'frozen', 'closed'),
        currency: fc.constantFrom('USD', 'USD', 'USD', 'USD', 'MZN'),
        entryCount: fc.nat({ max: 10 }),
        lastEntryAt: fc.nat({ max: 200 }),
      })
      .map(({ heldShare, ...rest }) => ({
        ...rest,
        id,
        kind: rest.mayOverdraw ? 'trust' : 'customer',
        held: Math.floor(rest.balance * heldShare),
        lastTransferId: rest.entryCount > 0 ? `txn_before_${id}` : null,
      }))
  const ids = ['a', 'b', 'c', 'd'] as const
  const accounts = fc.tuple(...ids.map(state)).map((states) => new Map(states.map((each) => [each.id, each])))
  const balanced = fc
    .array(
      fc.record({
        from: fc.constantFrom(...ids),
        to: fc.constantFrom(...ids),
        amount: fc.integer({ min: 1, max: 600 }),
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((moves) =>
      legsOf(
        ...moves.flatMap(({ from, to, amount }) => [
          { accountId: from as string, amount: -amount },
          { accountId: to as string, amount },
        ]),
      ),
    )
    .filter((legs) => legs.length >= 2)

  const movement = (legs: Leg[]) => ({ transferId: 'txn_now', currency: 'USD', legs, at: 100 })

  test('moves exactly what the legs say, keeps the sum, and touches nothing that it was given', () => {
    fc.assert(
      fc.property(accounts, balanced, (given, legs) => {
        const before = structuredClone(given)
        const result = post(given, movement(legs))
        expect(given).toEqual(before)
        if (!result.ok) return
        const { entries, accounts: after } = result.value
        expect(entries.reduce((sum, { amount }) => sum + amount, 0)).toBe(0)
        expect(entries.map(({ accountId, amount }) => ({ accountId, amount }))).toEqual(legs)
        entries.forEach((entry, i) => {
          const was = given.get(entry.accountId) as AccountState
          const is = after[i] as AccountState
          expect(entry.balance).toBe(was.balance + entry.amount)
          expect(entry.number).toBe(was.entryCount + 1)
          expect(entry.previousTransferId).toBe(was.lastTransferId)
          expect(entry.at).toBe(Math.max(100, was.lastEntryAt))
          expect(is).toEqual({
            ...was,
            balance: entry.balance,
            entryCount: entry.number,
            lastTransferId: 'txn_now',
            lastEntryAt: entry.at,
          })
        })
      }),
    )
  })

  test('is refused exactly when an account forbids it, and says a reason that is true', () => {
    fc.assert(
      fc.property(accounts, balanced, (given, legs) => {
        const reasons = new Set<string>()
        for (const { accountId, amount } of legs) {
          const { state, currency, balance, held, mayOverdraw } = given.get(accountId) as AccountState
          if (state === 'frozen') reasons.add('account_frozen')
          if (state === 'closed') reasons.add('account_closed')
          if (currency !== 'USD') reasons.add('currency_mismatch')
          if (balance + amount > LARGEST_AMOUNT) reasons.add('balance_limit_exceeded')
          if (amount < 0 && !mayOverdraw && balance + amount < held) reasons.add('insufficient_funds')
        }
        const result = post(given, movement(legs))
        expect(result.ok).toBe(reasons.size === 0)
        if (!result.ok) expect([...reasons]).toContain(result.code)
      }),
    )
  })

  test('booked and booked back, every balance is what it was', () => {
    fc.assert(
      fc.property(accounts, balanced, (given, legs) => {
        const there = post(given, movement(legs))
        fc.pre(there.ok)
        if (!there.ok) return
        const between = new Map([...given, ...there.value.accounts.map((each) => [each.id, each] as const)])
        const back = post(between, movement(legs.map(({ accountId, amount }) => ({ accountId, amount: -amount }))))
        expect(back.ok).toBe(true)
        if (!back.ok) return
        for (const { id, balance } of back.value.accounts) expect(balance).toBe(given.get(id)?.balance as number)
      }),
    )
  })

  test('frees of a hold what the movement uses up, and no more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), (balance, amount) => {
        const holder: AccountState = {
          id: 'a',
          kind: 'customer',
          currency: 'USD',
          balance,
          held: balance,
          mayOverdraw: false,
          state: 'active',
          entryCount: 0,
          lastTransferId: null,
          lastEntryAt: 0,
        }
        const given = new Map([
          ['a', holder],
          ['b', { ...holder, id: 'b', held: 0 }],
        ])
        const legs = [
          { accountId: 'a', amount: -amount },
          { accountId: 'b', amount },
        ]
        expect(post(given, movement(legs)).ok).toBe(false)
        const freed = Math.min(amount, balance)
        const result = post(given, { ...movement(legs), fromHold: { accountId: 'a', amount: freed } })
        expect(result.ok).toBe(amount <= balance)
        if (result.ok)
          expect(result.value.accounts[0]).toMatchObject({ balance: balance - amount, held: balance - freed })
      }),
    )
  })

  test('a movement that nobody may ask for is a bug: it throws', () => {
    const given = new Map<string, AccountState>()
    const wrong: Leg[][] = [
      [],
      [{ accountId: 'a', amount: 5 }],
      [
        { accountId: 'a', amount: -5 },
        { accountId: 'b', amount: 4 },
      ],
      [
        { accountId: 'a', amount: -5 },
        { accountId: 'a', amount: 5 },
      ],
      [
        { accountId: 'a', amount: 0 },
        { accountId: 'b', amount: 0 },
      ],
      [
        { accountId: 'a', amount: -0.5 },
        { accountId: 'b', amount: 0.5 },
      ],
      [
        { accountId: 'a', amount: -(LARGEST_AMOUNT + 1) },
        { accountId: 'b', amount: LARGEST_AMOUNT + 1 },
      ],
      [
        { accountId: 'a', amount: Number.NaN },
        { accountId: 'b', amount: 5 },
      ],
    ]
    for (const legs of wrong) expect(() => post(given, movement(legs))).toThrow(UnbalancedError)
  })

  test('legs whose sum is too large to be counted exactly are not taken for balanced', () => {
    const legs = [
      { accountId: 'a', amount: LARGEST_AMOUNT },
      { accountId: 'b', amount: 2 },
      { accountId: 'c', amount: -LARGEST_AMOUNT },
      { accountId: 'd', amount: -1 },
    ]
    expect(legs.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(1n)
    expect(() => post(new Map(), movement(legs))).toThrow(UnbalancedError)
  })

  test('legs that meet on one account are summed, and those that come to nothing are left out', () => {
    expect(
      legsOf(
        { accountId: 'a', amount: -110 },
        { accountId: 'b', amount: 100 },
        { accountId: 'b', amount: 10 },
        { accountId: 'c', amount: 5 },
        { accountId: 'c', amount: -5 },
        { accountId: 'd', amount: 0 },
      ),
    ).toEqual([
      { accountId: 'a', amount: -110 },
      { accountId: 'b', amount: 110 },
    ])
  })
})
