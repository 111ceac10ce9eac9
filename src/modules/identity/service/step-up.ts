/**
 * Proving again who one is, before what is sensitive. A sign-in counts for a quarter of an hour; after that the password
 * or a second factor is asked for anew, in the session that wants it.
 */
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Audit } from './audit'
import type { Challenges } from './challenges'
import type { Asked, CredentialJson, Passkeys } from './passkeys'
import { verifySecret } from './passwords'
import { amrOf, type CodeMethod, type SecondFactors } from './second-factors'
import type { Sessions } from './sessions'
import type { User, Users } from './users'

export type StepUpCode = 'password_wrong' | 'code_invalid' | 'second_factor_locked' | 'method_not_available'

export interface StepUp {
  /** Whether the session has seen a proof within the last 15 minutes. */
  required(user: User, sessionId: string): Promise<Result<true, 'step_up_required'>>
  /** The same, or this password. */
  proved(
    user: User,
    password: string | undefined,
    sessionId: string,
    address: string,
    action: string,
  ): Promise<Result<true, 'step_up_required' | 'password_wrong'>>
  withPassword(user: User, password: string, sessionId: string, address: string): Promise<Result<true, StepUpCode>>
  withCode(
    user: User,
    method: CodeMethod,
    code: string,
    sessionId: string,
    address: string,
  ): Promise<Result<true, StepUpCode>>
  sendCode(user: User, channel: 'email' | 'sms'): Promise<Result<true, 'method_not_available'>>
  askPasskey(user: User): Promise<Result<Asked, 'method_not_available'>>
  withPasskey(
    user: User,
    challengeId: string,
    credential: CredentialJson,
    sessionId: string,
    address: string,
  ): Promise<Result<true, 'challenge_invalid' | 'passkey_invalid'>>
}

export interface StepUpParts {
  users: Users
  sessions: Sessions
  factors: SecondFactors
  passkeys: Passkeys
  challenges: Challenges
  audit: Audit
}

const ACTION = 'session.step_up'

export function createStepUp(
  { store }: Runtime,
  { users, sessions, factors, passkeys, challenges, audit }: StepUpParts,
): StepUp {
  const note = (user: User, outcome: 'allowed' | 'refused', address: string, action: string, sessionId?: string) =>
    store.write(async (tx) => {
      await audit(tx, { actor: user.id, action, subject: user.id, outcome, address })
      if (outcome === 'allowed' && sessionId !== undefined) await sessions.prove(tx, sessionId, ['pwd'])
    })

  async function required(user: User, sessionId: string): Promise<Result<true, 'step_up_required'>> {
    if (await sessions.isFresh(sessionId)) return ok(true)
    const methods = ['password', ...(await factors.methodsOf(store.read, user))]
    return fail('step_up_required', undefined, { methods })
  }

  return {
    required,

    async proved(user, password, sessionId, address, action) {
      if (password === undefined) return required(user, sessionId)
      if (await verifySecret(password, user.passwordHash)) return ok(true)
      await note(user, 'refused', address, action)
      return fail('password_wrong')
    },

    async withPassword(user, password, sessionId, address) {
      const right = await verifySecret(password, user.passwordHash)
      await note(user, right ? 'allowed' : 'refused', address, ACTION, sessionId)
      return right ? ok(true) : fail('password_wrong')
    },

    withCode: (user, method, code, sessionId, address) =>
      store.write(async (tx): Promise<Result<true, StepUpCode>> => {
        const now = (await users.byIdIn(tx, user.id)) ?? user
        if (!(await factors.methodsOf(tx, now)).includes(method)) return fail('method_not_available')
        const checked = await factors.check(tx, now, method, code)
        const outcome = checked.ok ? 'allowed' : 'refused'
        await audit(tx, { actor: user.id, action: ACTION, subject: user.id, outcome, address, detail: { method } })
        if (checked.ok) await sessions.prove(tx, sessionId, [amrOf(method), 'mfa'])
        return checked
      }),

    async sendCode(user, channel) {
      // A factor that is being set up needs its code too.
      if (channel === 'sms' && user.phoneVerifiedAt === null) return fail('method_not_available')
      await store.write((tx) => factors.sendCode(tx, user, channel))
      return ok(true)
    },

    async askPasskey(user) {
      if (!(await factors.methodsOf(store.read, user)).includes('passkey')) return fail('method_not_available')
      const { id, nonce } = await challenges.open({ kind: 'passkey_step_up', userId: user.id })
      return ok({ challengeId: id, options: await passkeys.askToSign(nonce, user.id) })
    },

    async withPasskey(user, challengeId, credential, sessionId, address) {
      const challenge = await challenges.take(challengeId, 'passkey_step_up', user.id)
      if (!challenge?.nonce) return fail('challenge_invalid')
      const shown = await passkeys.check(challenge.nonce, credential)
      return store.write(async (tx): Promise<Result<true, 'challenge_invalid' | 'passkey_invalid'>> => {
        const right = shown?.userId === user.id && (await passkeys.used(tx, shown.passkeyId, shown.counter))
        const outcome = right ? 'allowed' : 'refused'
        await audit(tx, {
          actor: user.id,
          action: ACTION,
          subject: user.id,
          outcome,
          address,
          detail: { method: 'passkey' },
        })
        if (!right) return fail('passkey_invalid')
        await sessions.prove(tx, sessionId, ['hwk', 'mfa'])
        return ok(true)
      })
    },
  }
}
