/** Somebody who has lost every second factor is let in again by an operator, and by nobody else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, type World } from '../../support/world'

let world: World
let operator: Person
let agent: Person

beforeAll(async () => {
  world = await createWorld({ mode: 'development' })
  operator = await world.person('operator')
  agent = await world.person('agent')
})
afterAll(() => world.end())

const reset = (userId: string, token: string) =>
  world.call('POST', `/api/v1/users/${userId}/reset-factors`, { token, body: {} })
const login = (email: string) => world.call('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } })

describe('removing lost factors', () => {
  test('signs the person out, tells them, stands in the audit log, and the role’s demand stays', async () => {
    expect((await login(agent.email)).body.twoFactor.methods).toContain('totp')

    expect((await reset(agent.id, operator.token)).status).toBe(200)

    expectProblem(await world.call('GET', '/api/v1/auth/profile', { token: agent.token }), 401, 'unauthenticated')
    const { body } = await login(agent.email)
    expect(body.secondFactorRequired).toBe(true)
    expectProblem(
      await world.call('GET', '/api/v1/agents/me', { token: body.accessToken }),
      403,
      'second_factor_required',
    )
    const mails = await world.mailTo(agent.email)
    expect(mails.some(({ subject }) => subject.startsWith('Your second factors were removed'))).toBe(true)
    const [row] = await world.app.identity.auditLog.search({ subject: agent.id, action: 'factor.reset', limit: 1 })
    expect(row).toMatchObject({ actor: operator.id, outcome: 'allowed' })
  })

  test('is done to nobody by themselves, and by nobody who only supports', async () => {
    expectProblem(await reset(operator.id, operator.token), 403, 'role_protected')
    const support = await world.person('support')
    expectProblem(await reset(agent.id, support.token), 403, 'insufficient_scope')
  })

  test('ends a sign-in that waits for the factor that is gone', async () => {
    const other = await world.person('agent')
    const { body } = await login(other.email)
    const token = await world.signIn(operator.email)
    expect((await reset(other.id, token)).status).toBe(200)
    const answer = await world.call('POST', '/api/v1/auth/login/2fa', {
      body: { challengeId: body.twoFactor.challengeId, method: 'totp', code: '000000' },
    })
    expectProblem(answer, 401, 'challenge_invalid')
  })
})
