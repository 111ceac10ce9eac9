/**
 * The first operator. An empty instance has nobody who could let anybody in, so its first start prints a link with a
 * one-time token; whoever reads the terminal makes the first operator with it. The token lives in memory and dies with
 * the process, or as soon as there is an operator.
 */
import type { Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import type { Audit } from './audit'
import { hashSecret } from './passwords'
import { type User, type UserView, userView } from './users'

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

type SetupCode = 'setup_token_invalid' | 'email_taken'

interface Parts {
  hasOperator(tx: Tx): Promise<boolean>
  emailTaken(tx: Tx, email: string): Promise<boolean>
  insertOperator(tx: Tx, operator: { name: string; email: string; passwordHash: string }): Promise<User>
  audit: Audit
}

const TOKEN_BYTES = 24

export function createSetup(
  { store, random, keyring }: Runtime,
  { hasOperator, emailTaken, insertOperator, audit }: Parts,
): Setup {
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
      const passwordHash = await hashSecret(password)
      const result = await store.write(async (tx): Promise<Result<UserView, SetupCode>> => {
        if (await hasOperator(tx)) return fail('setup_token_invalid')
        if (await emailTaken(tx, email)) return fail('email_taken')
        const operator = await insertOperator(tx, { name, email, passwordHash })
        await audit(tx, { actor: operator.id, action: 'user.setup', subject: operator.id, outcome: 'allowed' })
        return ok(userView(operator))
      })
      if (result.ok) expected = undefined
      return result
    },
  }
}
