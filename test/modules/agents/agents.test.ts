/** Agents and ATMs: float, commission, and cash handed over for e-money. */

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SYSTEM } from '../../../src/modules/identity'
import { booksOf, expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'

let world: World
let agent: Person
let other: Person
let atm: Person
let customer: Person
let operator: Person

beforeAll(async () => {
  world = await createWorld()
  ;[agent, other, atm, customer, operator] = (await Promise.all([
    world.agent(10_000),
    world.agent(0),
    world.person('atm'),
    world.person('customer', 'Carla'),
    world.person('operator'),
  ])) as [Person, Person, Person, Person, Person]
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const cashIn = (body: object, who = agent, headers: Record<string, string> = {}) =>
  world.call('POST', '/api/v1/agents/me/cash-in', { token: who.token, body, headers })
const issue = (agentId: string, body: object, headers: Record<string, string> = {}) =>
  world.call('POST', `/api/v1/agents/${agentId}/float`, { token: operator.token, body, headers })
const till = async (who: Person) => (await world.call('GET', '/api/v1/agents/me', { token: who.token })).body
const totals = async (): Promise<Record<string, number>> => {
  const { body } = await world.call('GET', '/api/v1/ledger/totals', { token: operator.token })
  return Object.fromEntries(
    body.items.map((row: { kind: string; currency: string; balance: number }) => [
      `${row.kind} ${row.currency}`,
      row.balance,
    ]),
  )
}

describe('cash-in', () => {
  test('moves e-money from the float to the customer, without a fee', async () => {
    const before = await till(agent)

    const { status, body } = await cashIn({ to: customer.email, amount: 2_500 })

    expect(status).toBe(201)
    expect(body).toMatchObject({ amount: 2_500, fee: 0, from: agent.id, to: customer.id, customer: { name: 'Carla' } })
    expect(body.balance).toBe(before.float - 2_500)
    expect(await till(agent)).toMatchObject({ float: before.float - 2_500, commission: before.commission })
    const mails = await world.mailTo(customer.email)
    expect(mails.some(({ subject }) => subject === 'You received USD 25.00')).toBe(true)
  })

  test('of more than the float is refused in the agent’s words', async () => {
    const { float } = await till(agent)
    const before = await booksOf(world)
    const refused = await cashIn({ to: customer.id, amount: float + 1 })
    expectProblem(refused, 422, 'insufficient_funds')
    expect(refused.body.title).toBe('The float is not enough.')
    expect(await booksOf(world)).toEqual(before)
  })

  test('is for customers: no agent, no ATM, no operator, not oneself', async () => {
    for (const to of [other.id, atm.id, operator.id]) {
      expectProblem(await cashIn({ to, amount: 1 }), 404, 'customer_not_found')
    }
    expectProblem(await cashIn({ to: agent.id, amount: 1 }), 422, 'cash_in_to_self')
  })

  test('is for agents: an ATM takes no cash, a customer has no till', async () => {
    for (const who of [atm, customer, operator]) {
      expectProblem(await cashIn({ to: customer.id, amount: 1 }, who), 403, 'insufficient_scope')
    }
  })

  test('again with the same Idempotency-Key credits nothing more', async () => {
    const key = { 'idempotency-key': 'cash-in-once' }
    const first = await cashIn({ to: customer.id, amount: 10 }, agent, key)
    const before = await booksOf(world)
    const again = await cashIn({ to: customer.id, amount: 10 }, agent, key)
    expect(again).toMatchObject({ status: 201, body: first.body })
    expect(await booksOf(world)).toEqual(before)
  })

  test('at many tills at once hands out each float once', async () => {
    const { float } = await till(agent)
    const part = Math.floor(float / 3)
    const answers = await Promise.all(Array.from({ length: 8 }, () => cashIn({ to: customer.id, amount: part })))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect((await till(agent)).float).toBe(float - 3 * part)
  })
})

describe('float', () => {
  test('is issued against the trust account, and the agent is told', async () => {
    const before = await totals()

    const { status, body } = await issue(other.id, { amount: 7_000 })

    expect(status).toBe(201)
    expect(body).toMatchObject({ agentId: other.id, amount: 7_000, balance: 7_000 })
    const after = await totals()
    expect(after['trust USD']).toBe((before['trust USD'] as number) - 7_000)
    expect(after['float USD']).toBe((before['float USD'] as number) + 7_000)
    expect(Object.values(after).reduce((sum, each) => sum + each, 0)).toBe(0)
    const mails = await world.mailTo(other.email)
    expect(mails.some(({ subject }) => subject === 'Your float grew by USD 70.00')).toBe(true)
  })

  test('is for agents and ATMs that are active', async () => {
    expect((await issue(atm.id, { amount: 1 })).status).toBe(201)
    for (const id of [customer.id, operator.id, 'usr_00000000000000000000']) {
      expectProblem(await issue(id, { amount: 1 }), 404, 'agent_not_found')
    }
    const frozen = await world.agent(0)
    await world.app.wallet.setFrozen(frozen.id, true, SYSTEM)
    expectProblem(await issue(frozen.id, { amount: 1 }), 404, 'agent_not_found')
  })

  test('again with the same Idempotency-Key is issued once', async () => {
    const key = { 'idempotency-key': 'float-once' }
    const first = await issue(other.id, { amount: 5 }, key)
    const again = await issue(other.id, { amount: 5 }, key)
    expect(again).toMatchObject({ status: 201, body: first.body })
    expectProblem(await issue(agent.id, { amount: 5 }, key), 422, 'idempotency_key_reused')
  })

  test('in another currency is a float of its own', async () => {
    const before = await till(other)
    expect((await issue(other.id, { amount: 300, currency: 'MZN' })).body).toMatchObject({
      currency: 'MZN',
      balance: 300,
    })
    expect(await till(other)).toEqual(before)
    expect((await totals())['trust MZN']).toBe(-300)
  })

  test('never grows beyond what can be counted exactly', async () => {
    const largest = { amount: Number.MAX_SAFE_INTEGER, currency: 'KES' }
    expect((await issue(other.id, largest)).body.balance).toBe(Number.MAX_SAFE_INTEGER)
    const before = await booksOf(world)
    expectProblem(await issue(other.id, { amount: 1, currency: 'KES' }), 422, 'balance_limit_exceeded')
    expect(await booksOf(world)).toEqual(before)
  })

  test('may be sent from agent to agent, as a wallet is', async () => {
    const before = [await till(agent), await till(other)] as const
    await cashInFloat(agent, 100)
    const { status } = await world.call('POST', '/api/v1/wallet/me/transfer', {
      token: agent.token,
      body: { to: other.id, amount: 100, pin: PIN },
    })
    expect(status).toBe(201)
    expect((await till(agent)).float).toBe(before[0].float)
    expect((await till(other)).float).toBe(before[1].float + 100)
  })

  const cashInFloat = (who: Person, amount: number) => world.issueFloat(who.id, amount)
})

describe('the till', () => {
  test('shows float and commission apart, of oneself only', async () => {
    const fresh = await world.agent(42)
    expect(await till(fresh)).toEqual({
      userId: fresh.id,
      name: expect.any(String),
      currency: 'USD',
      float: 42,
      commission: 0,
    })
    expectProblem(await world.call('GET', '/api/v1/agents/me', { token: customer.token }), 403, 'insufficient_scope')
  })
})
