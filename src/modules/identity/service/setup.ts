/**
 * The first operator. An empty instance has nobody who could let anybody in, so its first start prints a link with a
 * one-time token; whoever reads the terminal makes the first operator with it. The token lives in memory and dies with
 * the process, or as soon as there is an operator.
 */
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import type { Audit } from './audit'
import type { NewPasswordCode, Recovery } from './recovery'
import { type Users, type UserView, userView } from './users'

export interface Setup {
  /** A fresh token; the one before is worth nothing any more. */
  issueToken(): string
  complete(input: {
    token: string
    name: string
    email: string
    password: string
  }): Promise<Result<UserView, SetupCode>>
}

type SetupCode = 'setup_token_invalid' | 'email_taken' | NewPasswordCode

interface Parts {
  users: Users
  recovery: Recovery
  audit: Audit
}

const TOKEN_BYTES = 24

export function createSetup({ store, random, keyring }: Runtime, { users, recovery, audit }: Parts): Setup {
  let expected: string | undefined
  const hashOf = (token: string) => keyring.hash('setup-token', token)

  return {
    issueToken() {
      const token = Buffer.from(random(TOKEN_BYTES)).toString('base64url')
      expected = hashOf(token)
      return token
    },

    async complete({ token, name, email, password }) {
      if (expected === undefined || !sameHash(expected, hashOf(token))) return fail('setup_token_invalid')
      const accepted = await recovery.accept(password, { name, email })
      if (!accepted.ok) return accepted
      const result = await store.write(async (tx): Promise<Result<UserView, SetupCode>> => {
        if ((await users.countOperators(tx)) > 0) return fail('setup_token_invalid')
        if ((await users.byEmail(tx, email)) !== undefined) return fail('email_taken')
        const operator = await users.create(tx, {
          name,
          email,
          phone: null,
          role: 'operator',
          status: 'active',
          passwordHash: accepted.value,
          pinHash: null,
        })
        await audit(tx, { actor: operator.id, action: 'user.setup', subject: operator.id, outcome: 'allowed' })
        return ok(userView(operator))
      })
      if (result.ok) expected = undefined
      return result
    },
  }
}
