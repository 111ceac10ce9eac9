/**
 * Passkeys (WebAuthn level 2). A passkey proves possession of a device and, by its own PIN or fingerprint, who holds it:
 * so it can stand instead of the password, or beside it. The library is loaded when the first one is used.
 */
import { and, desc, eq } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { iso, isoOrNull } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { passkeys } from '../schema'

import type { Challenges } from './challenges'
import type { Here, SecondFactors } from './second-factors'
import type { User } from './users'

const MOST_KEPT = 20
const RP_NAME = 'Kumbu'

export interface PasskeyView {
  id: string
  name: string
  createdAt: string
  lastUsedAt: string | null
}

/** What the browser's `navigator.credentials` gave, in its JSON form. */
export type CredentialJson = Record<string, unknown> & { id: string }

export interface Asked {
  challengeId: string
  /** For `navigator.credentials.create` or `.get`, in their JSON form. */
  options: object
}

type RegisterCode = 'challenge_invalid' | 'passkey_invalid' | 'passkey_present'

export interface Passkeys {
  askToRegister(user: User): Promise<Result<Asked, 'too_many'>>
  register(
    user: User,
    challengeId: string,
    name: string,
    credential: CredentialJson,
    here: Here,
  ): Promise<Result<PasskeyView, RegisterCode>>
  /** Options for any passkey, or for those of one person. */
  askToSign(nonce: string, userId?: string): Promise<object>
  /** Whose passkey it is, if its answer fits the nonce. Within no unit: signatures take their time. */
  check(
    nonce: string,
    credential: CredentialJson,
  ): Promise<{ userId: string; passkeyId: string; counter: number } | undefined>
  /** Notes the use; refuses a count that does not grow, which a copied authenticator gives away. */
  used(tx: Tx, passkeyId: string, counter: number): Promise<boolean>
  list(userId: string): Promise<PasskeyView[]>
  remove(user: User, id: string, here: Here): Promise<Result<true, 'passkey_not_found' | 'second_factor_needed'>>
}

export interface PasskeyParts {
  challenges: Challenges
  factors: SecondFactors
}

/** Loading it takes longer than loading the rest of Kumbu, and one of its parts wants the polyfill to be there before. */
async function library() {
  await import('reflect-metadata')
  return import('@simplewebauthn/server')
}

export function createPasskeys(
  { store, clock, newId, keyring }: Runtime,
  { challenges, factors }: PasskeyParts,
  baseUrl: () => string,
): Passkeys {
  const rpId = () => new URL(baseUrl()).hostname
  const origin = () => new URL(baseUrl()).origin

  const of = (userId: string) =>
    store.read.select().from(passkeys).where(eq(passkeys.userId, userId)).orderBy(desc(passkeys.id))

  const bytesOf = (nonce: string) => new Uint8Array(Buffer.from(nonce, 'base64url'))
  /** The person as the authenticator knows them: not their id, which others may see. */
  const handleOf = (userId: string) => new Uint8Array(Buffer.from(keyring.hash('webauthn-user', userId), 'base64url'))

  return {
    async askToRegister(user) {
      const present = await of(user.id)
      if (present.length >= MOST_KEPT) return fail('too_many')
      const { id, nonce } = await challenges.open({ kind: 'passkey_registration', userId: user.id })
      const { generateRegistrationOptions } = await library()
      const options = await generateRegistrationOptions({
        rpName: RP_NAME,
        rpID: rpId(),
        userID: handleOf(user.id),
        userName: user.email,
        userDisplayName: user.name,
        challenge: bytesOf(nonce),
        attestationType: 'none',
        excludeCredentials: present.map(({ credentialId }) => ({ id: credentialId })),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      })
      return ok({ challengeId: id, options })
    },

    async register(user, challengeId, name, credential, here) {
      const challenge = await challenges.take(challengeId, 'passkey_registration', user.id)
      if (!challenge) return fail('challenge_invalid')
      const { verifyRegistrationResponse } = await library()
      const verified = await verifyRegistrationResponse({
        response: credential as never,
        expectedChallenge: challenge.nonce ?? '',
        expectedOrigin: origin(),
        expectedRPID: rpId(),
        requireUserVerification: true,
      }).catch(() => undefined)
      if (!verified?.verified) return fail('passkey_invalid')
      const { credential: made } = verified.registrationInfo
      return store.write(async (tx): Promise<Result<PasskeyView, RegisterCode>> => {
        const [taken] = await tx.select().from(passkeys).where(eq(passkeys.credentialId, made.id))
        if (taken) return fail('passkey_present')
        const row = {
          id: newId('psk'),
          credentialId: made.id,
          userId: user.id,
          name,
          publicKey: Buffer.from(made.publicKey).toString('base64url'),
          counter: made.counter,
          transports: made.transports ?? [],
          createdAt: clock(),
          lastUsedAt: null,
        }
        await tx.insert(passkeys).values(row)
        await factors.completed(tx, user, 'passkey_added', here)
        return ok(viewOf(row))
      })
    },

    async askToSign(nonce, userId) {
      const { generateAuthenticationOptions } = await library()
      const allowed = userId === undefined ? undefined : await of(userId)
      return generateAuthenticationOptions({
        rpID: rpId(),
        challenge: bytesOf(nonce),
        userVerification: 'required',
        ...(allowed === undefined
          ? {}
          : { allowCredentials: allowed.map(({ credentialId }) => ({ id: credentialId })) }),
      })
    },

    async check(nonce, credential) {
      const [known] = await store.read.select().from(passkeys).where(eq(passkeys.credentialId, credential.id))
      if (!known) return undefined
      const { verifyAuthenticationResponse } = await library()
      const verified = await verifyAuthenticationResponse({
        response: credential as never,
        expectedChallenge: nonce,
        expectedOrigin: origin(),
        expectedRPID: rpId(),
        requireUserVerification: true,
        credential: {
          id: known.credentialId,
          publicKey: new Uint8Array(Buffer.from(known.publicKey, 'base64url')),
          counter: known.counter,
          transports: known.transports as never,
        },
      }).catch(() => undefined)
      if (!verified?.verified) return undefined
      return { userId: known.userId, passkeyId: known.id, counter: verified.authenticationInfo.newCounter }
    },

    async used(tx, passkeyId, counter) {
      const [row] = await tx.select().from(passkeys).where(eq(passkeys.id, passkeyId))
      if (!row) return false
      // Authenticators that count nothing always say 0 (WebAuthn level 2, section 7.2, step 21).
      if (counter <= row.counter && (counter > 0 || row.counter > 0)) return false
      await tx.update(passkeys).set({ counter, lastUsedAt: clock() }).where(eq(passkeys.id, passkeyId))
      return true
    },

    async list(userId) {
      return (await of(userId)).map(viewOf)
    },

    remove: (user, id, here) =>
      store.write(async (tx): Promise<Result<true, 'passkey_not_found' | 'second_factor_needed'>> => {
        const all = await tx.select({ id: passkeys.id }).from(passkeys).where(eq(passkeys.userId, user.id))
        if (!all.some((each) => each.id === id)) return fail('passkey_not_found')
        if (all.length === 1) {
          const allowed = await factors.mayRemove(tx, user, 'passkey')
          if (!allowed.ok && allowed.code === 'second_factor_needed') return fail('second_factor_needed')
        }
        await tx.delete(passkeys).where(and(eq(passkeys.id, id), eq(passkeys.userId, user.id)))
        await factors.removed(tx, user, 'passkey_removed', here)
        return ok(true)
      }),
  }
}

function viewOf({ id, name, createdAt, lastUsedAt }: typeof passkeys.$inferSelect): PasskeyView {
  return {
    id,
    name,
    createdAt: iso(createdAt),
    lastUsedAt: isoOrNull(lastUsedAt),
  }
}
