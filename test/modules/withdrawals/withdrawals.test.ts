/** A withdrawal between the request and its end: cancelled, expired, paid, or paid and reversed. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { SYSTEM } from '../../../src/modules/identity'
import { booksOf, expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'

const TTL_MS = 900_000

let world: World
let amina: Person
let agent: Person
let atm: Person

beforeAll(async () => {
  world = await createWorld()
  ;[amina, agent, atm] = (await Promise.all([
    world.customer(1_000_000),
    world.agent(500_000),
    world.person('atm'),
  ])) as [Person, Person, Person]
})

/** The clock goes on by more than the life of an access token in some tests. */
beforeEach(async () => {
  await Promise.all(
    [amina, agent, atm].map(async (who) => {
      who.token = await world.signIn(who.email)
    }),
  )
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const post = (path: string, who: Person, body: object = {}, headers: Record<string, string> = {}) =>
  world.call('POST', `/api/v1${path}`, { token: who.token, body, headers })
const get = async (path: string, who: Person) => world.call('GET', `/api/v1${path}`, { token: who.token })
const balance = async (who = amina) => (await get('/wallet/me/balance', who)).body
const till = async (who: Person) => (await get('/agents/me', who)).body

async function request(amount = 1_000, headers: Record<string, string> = {}) {
  const { status, body } = await post('/atm/withdrawal-request', amina, { amount, pin: PIN }, headers)
  expect(status).toBe(201)
  return body as { id: string; token: string; fee: number }
}

const validate = (token: string, who = agent, headers: Record<string, string> = {}) =>
  post('/atm/validate-token', who, { token }, headers)
const cancel = (id: string, who = amina) => post(`/atm/withdrawals/${id}/cancel`, who)
const reverse = (id: string, who = agent) => post(`/atm/withdrawals/${id}/reverse`, who)

async function paid(amount = 1_000, by = agent) {
  const made = await request(amount)
  expect((await validate(made.token, by)).status).toBe(200)
  return made
}

async function earned(): Promise<number> {
  const totals = await world.app.ledger.totals()
  return totals.find(({ kind }) => kind === 'fees')?.balance ?? 0
}

describe('cancelling', () => {
  test('releases what was held, and the customer is told', async () => {
    const before = await balance()
    const { id } = await request(2_000)
    expect(await balance()).toMatchObject({ held: before.held + 2_020, available: before.available - 2_020 })

    const cancelled = await cancel(id)

    expect(cancelled.body).toMatchObject({ id, status: 'cancelled', paidAt: null })
    expect(await balance()).toEqual(before)
    const mails = await world.mailTo(amina.email)
    expect(mails.some(({ subject }) => subject === 'Your withdrawal was cancelled')).toBe(true)
  })

  test('twice does nothing more', async () => {
    const { id } = await request()
    const first = await cancel(id)
    const before = await booksOf(world)

    const second = await cancel(id)

    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body).toEqual(first.body)
    expect(await booksOf(world)).toEqual(before)
  })

  test('and paying at the same moment: one of them wins', async () => {
    const { id, token } = await request()
    const before = await balance()

    const [cancelled, validated] = await Promise.all([cancel(id), validate(token)])

    expect([cancelled?.status, validated?.status].sort()).toEqual([200, 409])
    const wasPaid = validated?.status === 200
    expect(await balance()).toMatchObject({
      balance: before.balance - (wasPaid ? 1_010 : 0),
      held: before.held - 1_010,
    })
  })

  test('what was paid, reversed, or has expired is refused', async () => {
    const { id } = await paid()
    expectProblem(await cancel(id), 409, 'withdrawal_paid')
    await reverse(id)
    expectProblem(await cancel(id), 409, 'withdrawal_reversed')
    const late = await request()
    world.clock.advance(TTL_MS)
    amina.token = await world.signIn(amina.email)
    expectProblem(await cancel(late.id), 410, 'withdrawal_expired')
    await world.app.jobs.runNow('withdrawals.expire')
    expectProblem(await cancel(late.id), 410, 'withdrawal_expired')
  })
})

describe('expiring', () => {
  test('is seen at the second it happens; the schedule then releases the hold and tells the customer', async () => {
    const before = await balance()
    const { id } = await request(3_000)
    world.clock.advance(TTL_MS - 1)
    await world.app.jobs.runNow('withdrawals.expire')
    amina.token = await world.signIn(amina.email)
    expect((await get(`/atm/withdrawals/${id}`, amina)).body.status).toBe('requested')

    world.clock.advance(1)
    expect((await get(`/atm/withdrawals/${id}`, amina)).body.status).toBe('expired')
    await world.app.jobs.runNow('withdrawals.expire')

    expect(await balance()).toEqual(before)
    const mails = await world.mailTo(amina.email)
    const told = mails.filter(({ subject }) => subject === 'Your withdrawal token has expired')
    expect(told.map(({ text }) => text).join()).toContain('USD 30.30')
  })

  test('ends many at once, each once', async () => {
    const made: unknown[] = []
    for (let i = 0; i < 12; i++) made.push(await request(100))
    world.clock.advance(TTL_MS)

    expect(await world.app.withdrawals.expireDue()).toBe(made.length)
    expect(await world.app.withdrawals.expireDue()).toBe(0)
  })

  test('of a frozen customer’s token gives the hold back as well', async () => {
    const farida = await world.customer(5_000)
    const made = await post('/atm/withdrawal-request', farida, { amount: 1_000, pin: PIN })
    await world.app.wallet.setFrozen(farida.id, true, SYSTEM)
    expectProblem(await validate(made.body.token), 403, 'account_frozen')

    world.clock.advance(TTL_MS)
    await world.app.jobs.runNow('withdrawals.expire')

    expect(await world.app.wallet.balance(farida.id)).toMatchObject({ ok: true, value: { balance: 5_000, held: 0 } })
  })
})

describe('paying', () => {
  test('again with the same Idempotency-Key says what was paid, and pays nothing more', async () => {
    const { token } = await request(4_000)
    const key = { 'idempotency-key': 'pay-once' }
    const first = await validate(token, agent, key)
    const before = await booksOf(world)

    const again = await validate(token, agent, key)

    expect(first.status).toBe(200)
    expect(again).toMatchObject({ status: 200, body: first.body })
    expect(await booksOf(world)).toEqual(before)
    expectProblem(await validate(token, agent), 409, 'withdrawal_paid')
    expectProblem(await validate(token, atm, key), 409, 'withdrawal_paid')
  })

  test('shows the withdrawal to the customer and to whoever paid, and to nobody else', async () => {
    const { id } = await paid()
    for (const who of [amina, agent]) {
      expect((await get(`/atm/withdrawals/${id}`, who)).body).toMatchObject({ id, status: 'paid', amount: 1_000 })
    }
    expectProblem(await get(`/atm/withdrawals/${id}`, atm), 404, 'withdrawal_not_found')
  })

  test('an odd amount: what the customer pays is what the others get, to the cent', async () => {
    const amounts = [1, 49, 50, 51, 99, 149, 150, 151, 333, 9_999, 12_345]
    for (const amount of amounts) {
      const before = { hers: await balance(), his: await till(agent), ours: await earned() }
      const { token, fee } = await request(amount)
      const { body } = await validate(token)
      const after = { hers: await balance(), his: await till(agent), ours: await earned() }

      // 1 % of the amount, and half of that to the agent; halves of a cent are rounded up.
      expect(fee).toBe(Math.floor((amount + 50) / 100))
      expect(body.commission).toBe(Math.floor((fee + 1) / 2))
      expect(before.hers.balance - after.hers.balance).toBe(amount + fee)
      expect(after.his.float - before.his.float).toBe(amount)
      expect(after.his.commission - before.his.commission).toBe(body.commission)
      expect(after.ours - before.ours).toBe(fee - body.commission)
    }
  })

  test('any amount, at any rates: nothing is lost in rounding', async () => {
    const { share } = await import('../../../src/platform/money')
    const rate = fc.integer({ min: 0, max: 10_000 })
    fc.assert(
      fc.property(fc.maxSafeInteger().map(Math.abs), rate, rate, (amount, feeBps, commissionBps) => {
        const fee = share(amount, feeBps)
        const commission = share(fee, commissionBps)
        expect(fee).toBeGreaterThanOrEqual(0)
        expect(fee).toBeLessThanOrEqual(amount)
        expect(commission).toBeLessThanOrEqual(fee)
        expect(commission + (fee - commission)).toBe(fee)
        // Never further than half a cent from the exact share.
        const off = BigInt(fee) * 10_000n - BigInt(amount) * BigInt(feeBps)
        expect(off > -5_000n && off <= 5_000n).toBe(true)
      }),
    )
  })

  test('at an instance without fees moves the amount alone', async () => {
    const free = await createWorld({ 'withdrawal-fee-bps': '0' })
    try {
      const [customer, payer] = [await free.customer(500), await free.agent(0)]
      const made = await free.call('POST', '/api/v1/atm/withdrawal-request', {
        token: customer.token,
        body: { amount: 500, pin: PIN },
      })
      expect(made.body.fee).toBe(0)
      const { status, body } = await free.call('POST', '/api/v1/atm/validate-token', {
        token: payer.token,
        body: { token: made.body.token },
      })
      expect({ status, commission: body.commission }).toEqual({ status: 200, commission: 0 })
      expect(await free.app.wallet.balance(customer.id)).toMatchObject({ ok: true, value: { balance: 0, held: 0 } })
      await expectCleanBooks(free)
    } finally {
      await free.end()
    }
  })
})

describe('reversing', () => {
  test('gives all back, the fee and the commission included', async () => {
    const before = { hers: await balance(), his: await till(agent), ours: await earned() }
    const { id } = await paid(7_777)

    const reversed = await reverse(id)

    expect(reversed.body).toMatchObject({ id, status: 'reversed' })
    expect({ hers: await balance(), his: await till(agent), ours: await earned() }).toEqual(before)
  })

  test('twice does nothing more, and at once neither', async () => {
    const { id } = await paid()
    const answers = await Promise.all([reverse(id), reverse(id), reverse(id)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const before = await booksOf(world)

    expect((await reverse(id)).body).toEqual(answers[0]?.body)
    expect(await booksOf(world)).toEqual(before)
  })

  test('is for whoever paid, and nobody else', async () => {
    const { id } = await paid()
    const before = await booksOf(world)
    expectProblem(await reverse(id, atm), 404, 'withdrawal_not_found')
    expectProblem(await reverse(id, amina), 403, 'insufficient_scope')
    expect(await booksOf(world)).toEqual(before)
  })

  test('what was not paid is refused', async () => {
    const { id } = await request()
    expectProblem(await reverse(id), 404, 'withdrawal_not_found')
    await cancel(id)
    expectProblem(await reverse(id), 404, 'withdrawal_not_found')
    expectProblem(await reverse('wdr_00000000000000000000'), 404, 'withdrawal_not_found')
  })

  test('needs the float that the payment brought: one that was spent since is refused', async () => {
    const { id } = await paid(5_000, atm)
    await paid(1, atm)
    const { float } = await till(atm)
    await world.write((tx) => spend(tx, float - 4_999))
    const before = await booksOf(world)

    expectProblem(await reverse(id, atm), 422, 'insufficient_funds')
    expect(await booksOf(world)).toEqual(before)

    /** The ATM is emptied: its float goes to the agent. */
    async function spend(tx: Parameters<Parameters<typeof world.write>[0]>[0], amount: number) {
      const { ledger } = world.app
      const from = await ledger.ensure(tx, { ownerId: atm.id, kind: 'float', currency: 'USD' })
      const to = await ledger.ensure(tx, { ownerId: agent.id, kind: 'float', currency: 'USD' })
      const moved = await ledger.transfer(tx, {
        type: 'transfer',
        amount,
        currency: 'USD',
        debitAccountId: from,
        creditAccountId: to,
        legs: [
          { accountId: from, amount: -amount },
          { accountId: to, amount },
        ],
      })
      expect(moved.ok).toBe(true)
    }
  })
})

describe('my withdrawals', () => {
  test('come newest first, page by page, each once', async () => {
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await request(10 + i)).id)
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const path: string = `/atm/withdrawals?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await get(path, amina)
      expect(body.items.length).toBeLessThanOrEqual(2)
      seen.push(...body.items.map(({ id }: { id: string }) => id))
      cursor = body.nextCursor
    } while (cursor !== null && seen.length < 1_000)
    expect(seen.slice(0, 5)).toEqual(made)
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('never show the token again', async () => {
    const { id, token } = await request()
    const [one, all] = [await get(`/atm/withdrawals/${id}`, amina), await get('/atm/withdrawals', amina)]
    expect(JSON.stringify([one.body, all.body])).not.toContain(token)
  })

  test('with a cursor that no list gave out are refused', async () => {
    for (const cursor of ['x', Buffer.from('txn_00000000000000000000').toString('base64url'), '%00']) {
      expectProblem(await get(`/atm/withdrawals?cursor=${cursor}`, amina), 400, 'cursor_invalid')
    }
  })
})
