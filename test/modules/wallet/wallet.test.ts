/** A person's money: sending it, and seeing where it went. */

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SYSTEM } from '../../../src/modules/identity'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'

const HOUR = 3_600_000

let world: World
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  amina = await world.customer(100_000)
  bruno = await world.person('customer', 'Bruno')
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const transfer = (body: object, who = amina) =>
  world.call('POST', '/api/v1/wallet/me/transfer', { token: who.token, body: { pin: PIN, ...body } })
const balance = async (who: Person) =>
  (await world.call('GET', '/api/v1/wallet/me/balance', { token: who.token })).body.balance
const statement = (query = '', who = amina) =>
  world.call('GET', `/api/v1/wallet/me/transactions${query}`, { token: who.token })

describe('sending money', () => {
  test('by user id, phone number or e-mail address, however they are written', async () => {
    const { body: profile } = await world.call('GET', '/api/v1/auth/profile', { token: bruno.token })
    const { id, phone, email } = profile
    const written = [
      id,
      phone,
      `${phone.slice(0, 4)} (${phone.slice(4, 6)}) ${phone.slice(6, 9)}-${phone.slice(9)}`,
      email,
      email.toUpperCase(),
    ]
    for (const to of written) {
      const before = [await balance(amina), await balance(bruno)] as [number, number]

      const { status, body } = await transfer({ to, amount: 100 })

      expect(status).toBe(201)
      expect(body).toEqual({
        id: expect.stringMatching(/^txn_[0-9a-z]{20}$/),
        amount: 100,
        currency: 'USD',
        fee: 0,
        from: amina.id,
        to: id,
        balance: before[0] - 100,
        createdAt: new Date(world.clock()).toISOString(),
      })
      expect([await balance(amina), await balance(bruno)]).toEqual([before[0] - 100, before[1] + 100])
    }
  })

  test('with a note, which both sides see', async () => {
    const { body } = await transfer({ to: bruno.id, amount: 250, note: 'Pão & leite, “à vista” 🍞' })
    for (const [who, amount] of [
      [amina, -250],
      [bruno, 250],
    ] as const) {
      const [row] = (await statement('', who)).body.items
      expect(row).toMatchObject({ id: body.id, amount, note: 'Pão & leite, “à vista” 🍞' })
    }
  })

  test('tells both sides by mail, with the balance of each', async () => {
    await transfer({ to: bruno.id, amount: 1_250 })
    const hers = (await world.mailTo(amina.email)).find(({ subject }) => subject === 'You sent USD 12.50')
    const his = (await world.mailTo(bruno.email)).find(({ subject }) => subject === 'You received USD 12.50')
    const money = (cents: number) => `USD ${(cents / 100).toLocaleString('en', { minimumFractionDigits: 2 })}`
    expect(hers?.text).toContain('to Bruno')
    expect(hers?.text).toContain(`Your balance is ${money(await balance(amina))}.`)
    expect(his?.text).toContain(`Your balance is ${money(await balance(bruno))}.`)
    expect(his?.text).not.toContain(money(await balance(amina)))
  })

  test('of everything one has leaves nothing, and nothing more can be sent', async () => {
    const poor = await world.customer(777)
    expect((await transfer({ to: amina.id, amount: 777 }, poor)).body.balance).toBe(0)
    const refused = await transfer({ to: amina.id, amount: 1 }, poor)
    expectProblem(refused, 422, 'insufficient_funds')
  })

  test('at once from many places never spends more than there is', async () => {
    const spender = await world.customer(1_000)
    await world.app.identity.verifyPin(spender.id, PIN)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => transfer({ to: bruno.id, amount: 300 }, spender)),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expectProblem(answer, 422, 'insufficient_funds')
    }
    expect(await balance(spender)).toBe(100)
  })

  test('to each other at once does not block, and moves what was said', async () => {
    const [one, two] = [await world.customer(1_000), await world.customer(1_000)]
    await Promise.all([world.app.identity.verifyPin(one.id, PIN), world.app.identity.verifyPin(two.id, PIN)])
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? transfer({ to: two.id, amount: 10 }, one) : transfer({ to: one.id, amount: 30 }, two),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
    expect([await balance(one), await balance(two)]).toEqual([1_200, 800])
  })
})

describe('a transfer that costs a fee', () => {
  test('takes it from the sender on top, and shows it in the receipt, the statement and the mail', async () => {
    const costly = await createWorld({ 'transfer-fee-bps': '150' })
    try {
      const [sender, receiver] = [await costly.customer(10_150), await costly.person('customer')]
      const send = (amount: number) =>
        costly.call('POST', '/api/v1/wallet/me/transfer', {
          token: sender.token,
          body: { to: receiver.id, amount, pin: PIN },
        })
      const short = await send(10_001)
      expectProblem(short, 422, 'insufficient_funds')

      const { body } = await send(10_000)

      expect(body).toMatchObject({ amount: 10_000, fee: 150, balance: 0 })
      const rows = async (who: Person) =>
        (await costly.call('GET', '/api/v1/wallet/me/transactions', { token: who.token })).body.items
      expect((await rows(sender))[0]).toMatchObject({ amount: -10_150, fee: 150, balance: 0 })
      expect((await rows(receiver))[0]).toMatchObject({ amount: 10_000, fee: 0, balance: 10_000 })
      const mail = (await costly.mailTo(sender.email)).find(({ subject }) => subject.startsWith('You sent'))
      expect(mail?.text).toContain('The fee was USD 1.50.')
      await expectCleanBooks(costly)
    } finally {
      await costly.end()
    }
  })
})

describe('the statement', () => {
  let reader: Person
  /** The moments of her movements, oldest first: a deposit, then transfers of 1, 2, 3, 4 and 5 cents an hour apart. */
  const moments: number[] = []

  beforeAll(async () => {
    reader = await world.customer(1_000)
    moments.push(world.clock())
    for (const amount of [1, 2, 3, 4, 5]) {
      world.clock.advance(HOUR)
      reader.token = await world.signIn(reader.email)
      expect((await transfer({ to: bruno.id, amount }, reader)).status).toBe(201)
      moments.push(world.clock())
    }
  })

  const iso = (index: number) => new Date(moments[index] as number).toISOString()
  const amounts = async (query: string) => {
    const { status, body } = await statement(query, reader)
    expect(status).toBe(200)
    return body.items.map(({ amount }: { amount: number }) => amount)
  }

  test('shows all movements newest first, each balance following from the one before', async () => {
    const { body } = await statement('', reader)
    expect(body.items.map(({ amount }: { amount: number }) => amount)).toEqual([-5, -4, -3, -2, -1, 1_000])
    expect(body.items.map(({ balance: left }: { balance: number }) => left)).toEqual([985, 990, 994, 997, 999, 1_000])
    expect(body.items.map(({ createdAt }: { createdAt: string }) => createdAt)).toEqual(
      [5, 4, 3, 2, 1, 0].map((index) => iso(index)),
    )
    expect(body.nextCursor).toBeNull()
  })

  test('begins at `from`, the moment included, and ends before `to`', async () => {
    expect(await amounts(`?from=${iso(4)}`)).toEqual([-5, -4])
    expect(await amounts(`?to=${iso(2)}`)).toEqual([-1, 1_000])
    expect(await amounts(`?from=${iso(2)}&to=${iso(4)}`)).toEqual([-3, -2])
    expect(await amounts(`?from=${iso(3)}&to=${iso(3)}`)).toEqual([])
    expect(await amounts(`?to=${iso(0)}`)).toEqual([])
    expect(await amounts('?from=2030-01-01T00:00:00Z')).toEqual([])
  })

  test('of one type', async () => {
    expect(await amounts('?type=deposit')).toEqual([1_000])
    expect(await amounts('?type=transfer')).toEqual([-5, -4, -3, -2, -1])
    expect(await amounts(`?type=transfer&from=${iso(2)}&to=${iso(5)}`)).toEqual([-4, -3, -2])
    expect(await amounts('?type=withdrawal')).toEqual([])
  })

  test('in a currency that was never used is empty', async () => {
    expect(await amounts('?currency=EUR')).toEqual([])
  })

  for (const [name, query, expected] of [
    ['all', '', [-5, -4, -3, -2, -1, 1_000]],
    ['those of a type', '&type=transfer', [-5, -4, -3, -2, -1]],
  ] as const) {
    test(`page by page: ${name}, each once, however long a page is`, async () => {
      for (const limit of [1, 2, 3, 5, 6, 100]) {
        const seen: number[] = []
        let cursor: string | null = null
        let pages = 0
        do {
          const { status, body } = await statement(
            `?limit=${limit}${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
            reader,
          )
          expect(status).toBe(200)
          expect(body.items.length).toBeLessThanOrEqual(limit)
          seen.push(...body.items.map(({ amount }: { amount: number }) => amount))
          cursor = body.nextCursor
          pages += 1
        } while (cursor !== null && pages < 20)
        expect(seen).toEqual([...expected])
      }
    })
  }

  test('page by page between two moments', async () => {
    const first = await statement(`?limit=2&from=${iso(1)}&to=${iso(5)}`, reader)
    const second = await statement(`?limit=2&from=${iso(1)}&to=${iso(5)}&cursor=${first.body.nextCursor}`, reader)
    const all = [...first.body.items, ...second.body.items]
    expect(all.map(({ amount }: { amount: number }) => amount)).toEqual([-4, -3, -2, -1])
  })

  test('refuses a cursor that it did not give out', async () => {
    for (const cursor of ['x', '', 'dHhuX2E', Buffer.from('wdr_00000000000000000000').toString('base64url')]) {
      expectProblem(await statement(`?cursor=${cursor}`, reader), 400, 'cursor_invalid')
    }
    expectProblem(await statement(`?cursor=${'x'.repeat(201)}`, reader), 422, 'validation_failed')
  })

  test('shows nothing of another person’s by a cursor from theirs', async () => {
    amina.token = await world.signIn(amina.email)
    const [{ id }] = (await statement('', amina)).body.items
    const cursor = Buffer.from(id).toString('base64url')
    const { status, body } = await statement(`?cursor=${cursor}`, reader)
    expect(status).toBe(200)
    const own = new Set((await statement('', reader)).body.items.map((row: { id: string }) => row.id))
    expect(body.items.filter((row: { id: string }) => !own.has(row.id))).toEqual([])
  })

  test('refuses limits, moments and types that are none', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=-1',
      'limit=1.5',
      'limit=many',
      'from=yesterday',
      'to=2026',
      'type=A1',
    ]) {
      expectProblem(await statement(`?${query}`, reader), 422, 'validation_failed')
    }
  })
})

describe('a frozen wallet', () => {
  test('neither pays nor receives, keeps its money, and works again once it is unfrozen', async () => {
    const farida = await world.customer(500)
    await world.app.wallet.setFrozen(farida.id, true, SYSTEM)

    amina.token = await world.signIn(amina.email)
    expectProblem(await transfer({ to: farida.id, amount: 1 }), 409, 'recipient_cannot_receive')
    expect(await world.app.wallet.balance(farida.id)).toMatchObject({ ok: true, value: { balance: 500 } })

    await world.app.wallet.setFrozen(farida.id, false, SYSTEM)
    expect((await transfer({ to: farida.id, amount: 1 })).status).toBe(201)
    farida.token = await world.signIn(farida.email)
    expect((await transfer({ to: amina.id, amount: 501 }, farida)).body.balance).toBe(0)
  })

  test('is frozen in every currency that it has', async () => {
    const farida = await world.person('customer')
    const till = await world.agent(0)
    await world.app.agents.issueFloat({ agentId: till.id, amount: 100, currency: 'MZN' }, world.write)
    await world.app.agents.cashIn({ by: till.id, to: farida.id, amount: 100, currency: 'MZN' }, world.write)

    await world.app.wallet.setFrozen(farida.id, true, SYSTEM)

    const account = await world.app.ledger.find(world.runtime.store.read, {
      ownerId: farida.id,
      kind: 'customer',
      currency: 'MZN',
    })
    expect(account).toMatchObject({ balance: 100, state: 'frozen' })
  })
})
