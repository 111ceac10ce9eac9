/** Who must have a second factor, what they may do before they have one, and that they cannot lose the last one. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ConfigError, loadConfig } from '../../../src/config'
import type { Role } from '../../../src/modules/identity'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type World } from '../../support/world'
import { type Acts, actsIn, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld({ mode: 'development' })
  acts = actsIn(world)
})
afterAll(() => world.end())

const users = (token: string) => world.call('GET', '/api/v1/users', { token })
const till = (token: string) => world.call('GET', '/api/v1/agents/me', { token })

describe('a role that must have a second factor', () => {
  test.each<[Role]>([['operator'], ['agent'], ['teller'], ['support'], ['auditor']])(
    '%s is let in with the password alone to set one up, and to nothing else',
    async (role) => {
      const { email, token } = await acts.somebody(role)
      expect((await acts.login(email)).body.secondFactorRequired).toBe(true)
      const denied = role === 'agent' || role === 'teller' ? await till(token) : await users(token)
      expectProblem(denied, 403, 'second_factor_required')
      expect((await acts.profile(token)).status).toBe(200)
      expect((await acts.get('/2fa', token)).body).toMatchObject({ methods: [], required: true })
    },
  )

  test.each<[Role]>([['customer'], ['biller']])('%s is none', async (role) => {
    const { email, token } = await acts.somebody(role)
    expect((await acts.login(email)).body.secondFactorRequired).toBe(false)
    expect((await acts.get('/2fa', token)).body.required).toBe(false)
  })

  test('is let in wholly, in the session at hand, once the factor is there', async () => {
    const { email, token } = await acts.somebody('operator')
    expectProblem(await users(token), 403, 'second_factor_required')
    await world.setUpApp(email, token)
    expect((await users(token)).status).toBe(200)
  })

  test('stays restricted after a refresh', async () => {
    const { refreshToken } = await acts.somebody('operator')
    const { body } = await acts.refresh(refreshToken)
    expect(body.secondFactorRequired).toBe(true)
    expectProblem(await users(body.accessToken), 403, 'second_factor_required')
  })

  test('does not get past it with an API key that it makes for itself', async () => {
    const { token } = await acts.somebody('operator')
    const made = await acts.makeKey(token, ['users:read', 'users:manage', 'agents:manage'])
    if (made.status === 201) expectProblem(await users(made.body.key), 403, 'second_factor_required')
    else expectProblem(made, 403, 'second_factor_required')
  })

  test('opens no session elsewhere that showed the password alone', async () => {
    const { email, token } = await acts.somebody('operator')
    const stranger = (await acts.login(email, undefined, {}, { from: '203.0.113.9' })).body.accessToken
    await world.setUpApp(email, token)
    expectProblem(await users(stranger), 403, 'second_factor_required')
  })
})

describe('the last factor of a role that needs one', () => {
  const withCodesByEmail = async (role: Role): Promise<SignedIn> => {
    const person = await acts.somebody(role)
    await acts.withCodes(person, 'email')
    return person
  }

  test.each<[Role]>([['operator'], ['agent']])('of %s may not be removed; one of two may', async (role) => {
    const person = await withCodesByEmail(role)
    expectProblem(await acts.del('/2fa/email', person.token), 409, 'second_factor_needed')
    await world.setUpApp(person.email, person.token)
    expect((await acts.del('/2fa/email', person.token)).status).toBe(204)
    expectProblem(await acts.del('/2fa/totp', person.token), 409, 'second_factor_needed')
    expect((await acts.get('/2fa', person.token)).body.methods).toEqual(['totp'])
  })

  test('is not removed by removing the phone number that it stands on', async () => {
    const agent = await acts.somebody('agent')
    await acts.withCodes(agent, 'sms')
    expect((await acts.get('/2fa', agent.token)).body.methods).toEqual(['sms'])
    expectProblem(await acts.del('/phone', agent.token), 409, 'second_factor_needed')
    expect((await acts.get('/2fa', agent.token)).body.methods).toEqual(['sms'])
  })

  test('recovery codes do not stand for it', async () => {
    const { email, token } = await acts.somebody('operator')
    await world.setUpApp(email, token)
    expect((await acts.get('/2fa', token)).body).toMatchObject({ methods: ['totp'], recoveryCodesLeft: 10 })
    expectProblem(await acts.del('/2fa/totp', token), 409, 'second_factor_needed')
  })

  test('of a customer may go', async () => {
    const person = await withCodesByEmail('customer')
    expect((await acts.del('/2fa/email', person.token)).status).toBe(204)
    expect((await acts.login(person.email)).body.accessToken).toBeString()
  })
})

describe('the configuration', () => {
  const load = (roles: string, mode: string) => loadConfig({ mode, 'second-factor-roles': roles }, {}, false)

  test.each([['agent'], ['operator'], ['teller,support'], [',']])(
    'does not let "%s" be all the roles that need a factor, except in demo mode',
    (roles) => {
      for (const mode of ['production', 'development']) expect(() => load(roles, mode)).toThrow(ConfigError)
      expect(load(roles, 'demo').demo).toBe(true)
    },
  )

  test('knows no role that there is none of', () => {
    expect(() => load('operator,agent,king', 'production')).toThrow(ConfigError)
  })

  test('may demand one of more people', async () => {
    const strict = await createWorld({ mode: 'development', 'second-factor-roles': 'operator,agent,customer' })
    try {
      const { email } = await actsIn(strict).account()
      expect((await actsIn(strict).login(email)).body.secondFactorRequired).toBe(true)
      const teller = await actsIn(strict).account({ role: 'teller' })
      expect((await actsIn(strict).login(teller.email)).body.secondFactorRequired).toBe(false)
    } finally {
      await strict.end()
    }
  })
})

test('in demo mode nobody needs one', async () => {
  const demo = await createWorld()
  try {
    const { token } = await actsIn(demo).somebody('operator')
    expect((await demo.call('GET', '/api/v1/users', { token })).status).toBe(200)
    expect((await actsIn(demo).get('/2fa', token)).body.required).toBe(false)
  } finally {
    await demo.end()
  }
})
