/**
 * Signing in: a password and, where one is set up or demanded, a second factor; or a passkey, which is both.
 *
 * Wrong passwords never lock an account, or any stranger could lock its owner out. They are slowed instead: by address
 * and account (the caller's limit), and by the account's lane. After a hundred in a row a right password alone is not
 * believed any more when it comes from a device that the person has not used before: a code by e-mail is asked for too
 * (NIST SP 800-63B-4, section 3.2.2, allows this for the limit of a hundred that it demands).
 */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { HasherBusyError } from '../../../platform/security/password-hasher'
import { newDeviceSeen, securityChanged } from '../events'
import type { Audit } from './audit'
import type { Challenges } from './challenges'
import type { Device, Devices } from './devices'
import type { Asked, CredentialJson, Passkeys } from './passkeys'
import { verifyNothing, verifySecret } from './passwords'
import { amrOf, type CodeMethod, type Method, type SecondFactors } from './second-factors'
import type { OpenedSession, Origin, Sessions } from './sessions'
import { createSignInLane } from './sign-in-lane'
import { emailKeyOf, type User, type Users } from './users'

/** Wrong passwords in a row after which the owner hears of it, and after which a password alone is not enough. */
const TELL_AT = 20
const DOUBT_AT = 100

export type LoginCode = 'credentials_invalid' | 'account_pending' | 'account_frozen' | 'account_closed' | 'sign_in_busy'

export type CompleteCode = 'challenge_invalid' | 'method_not_available' | 'code_invalid' | 'second_factor_locked'

/** A session, and the token of the device if it has a new one. */
export interface Admitted {
  session: OpenedSession
  deviceToken: string | undefined
}

export interface Challenged {
  challengeId: string
  methods: Method[]
}

export type Outcome = { admitted: Admitted } | { challenged: Challenged }

export interface DeviceOrigin extends Origin {
  /** The token that the device was given when it first signed in. */
  deviceToken: string | undefined
}

export interface SignIn {
  login(email: string, password: string, from: DeviceOrigin): Promise<Result<Outcome, LoginCode>>
  /** Sends a code for the challenge; too many do nothing. */
  sendCode(
    challengeId: string,
    channel: 'email' | 'sms',
  ): Promise<Result<true, 'challenge_invalid' | 'method_not_available'>>
  complete(
    input: { challengeId: string; method: CodeMethod; code: string; remember: boolean },
    from: DeviceOrigin,
  ): Promise<Result<Admitted, CompleteCode>>
  /** For a sign-in without a password, or for the passkey that a challenge asks for. */
  askPasskey(challengeId?: string): Promise<Result<Asked, 'challenge_invalid' | 'method_not_available'>>
  completeWithPasskey(
    input: { challengeId: string; credential: CredentialJson; remember: boolean },
    from: DeviceOrigin,
  ): Promise<Result<Admitted, 'challenge_invalid' | 'passkey_invalid' | Exclude<LoginCode, 'credentials_invalid'>>>
  /** Within a unit, for somebody who has just proved who they are by other means. */
  admit(tx: Tx, user: User, methods: readonly string[], from: DeviceOrigin, remember?: boolean): Promise<Admitted>
}

const REFUSED_STATES: Record<string, Exclude<LoginCode, 'credentials_invalid'>> = {
  pending_verification: 'account_pending',
  frozen: 'account_frozen',
  closed: 'account_closed',
}

export interface SignInParts {
  users: Users
  sessions: Sessions
  factors: SecondFactors
  passkeys: Passkeys
  challenges: Challenges
  devices: Devices
  events: Events
  audit: Audit
  /** Whether a mail reaches anybody: without that no code can be asked for. */
  canMail: () => boolean
}

export function createSignIn(
  { store }: Runtime,
  { users, sessions, factors, passkeys, challenges, devices, events, audit, canMail }: SignInParts,
): SignIn {
  const lane = createSignInLane()

  async function rightPassword(
    user: User | undefined,
    device: Device | undefined,
    password: string,
    { email, address }: { email: string; address: string },
  ): Promise<boolean | undefined> {
    const look = () => (user ? verifySecret(password, user.passwordHash) : verifyNothing(password))
    try {
      return device ? await look() : await lane.run(emailKeyOf(email), address, look)
    } catch (error) {
      if (error instanceof HasherBusyError) return undefined
      throw error
    }
  }

  /** Does as much for an unknown account as for a known one. */
  async function noteWrong(tx: Tx, user: User | undefined): Promise<void> {
    const now = user && (await users.lock(tx, user.id))
    const passwordFailures = (now?.passwordFailures ?? 0) + 1
    await users.change(tx, now?.id ?? 'nobody', { passwordFailures })
    if (now && passwordFailures === TELL_AT)
      await events.append(tx, securityChanged, now.id, { userId: now.id, change: 'sign_ins_failing' })
  }

  const note = (tx: Tx, user: User | undefined, from: Origin, reason: string | null, methods: readonly string[]) =>
    audit(tx, {
      actor: user?.id ?? 'unknown',
      action: 'session.login',
      subject: user?.id ?? 'unknown',
      outcome: reason === null ? 'allowed' : 'refused',
      address: from.address,
      detail: { reason, methods },
    })

  /** What is still asked for after a right password; nothing if it is enough. */
  async function askedOf(user: User, device: Device | undefined, from: DeviceOrigin): Promise<Method[]> {
    if (devices.isRemembered(device, from.deviceToken)) return []
    const methods = await factors.methodsOf(store.read, user)
    if (methods.length > 0) return methods
    const doubtful = user.passwordFailures >= DOUBT_AT && device === undefined && canMail()
    return doubtful ? ['email'] : []
  }

  async function admit(
    tx: Tx,
    user: User,
    methods: readonly string[],
    from: DeviceOrigin,
    remember = false,
  ): Promise<Admitted> {
    const device = await devices.find(tx, user.id, from, from.deviceToken)
    const others = await devices.count(tx, user.id)
    const seen = await devices.seen(tx, user.id, device, from, remember)
    const enough = (await factors.methodsOf(tx, user)).length > 0 || !factors.required(user.role)
    const session = await sessions.open(tx, user, {
      methods,
      restricted: !enough,
      deviceId: seen.deviceId,
      origin: from,
    })
    if (user.passwordFailures > 0) await users.change(tx, user.id, { passwordFailures: 0 })
    await note(tx, user, from, null, methods)
    if (seen.isNew && others > 0)
      await events.append(tx, newDeviceSeen, user.id, { userId: user.id, sessionId: session.id })
    return { session, deviceToken: seen.token }
  }

  async function personOf(challengeId: string) {
    const challenge = await challenges.find(challengeId, 'sign_in')
    const user = challenge?.userId ? await users.byIdIn(store.read, challenge.userId) : undefined
    return challenge && user?.status === 'active' ? { challenge, user } : undefined
  }

  return {
    admit,

    async login(email, password, from) {
      const user = await users.byEmail(store.read, email)
      const device = user && (await devices.find(store.read, user.id, from, from.deviceToken))
      const right = await rightPassword(user, device, password, { email, address: from.address })
      if (right === undefined) return fail('sign_in_busy', undefined, { retryAfter: 5 })
      const refused = !right || !user ? 'credentials_invalid' : REFUSED_STATES[user.status]
      if (refused || !user) {
        await store.write(async (tx) => {
          if (!right) await noteWrong(tx, user)
          await note(tx, user, from, refused ?? null, ['pwd'])
        })
        return fail(refused ?? 'credentials_invalid')
      }
      const methods = await askedOf(user, device, from)
      if (methods.length > 0) {
        const { id } = await challenges.open({ kind: 'sign_in', userId: user.id, methods })
        return ok({ challenged: { challengeId: id, methods } })
      }
      return ok({ admitted: await store.write((tx) => admit(tx, user, ['pwd'], from)) })
    },

    async sendCode(challengeId, channel) {
      const found = await personOf(challengeId)
      if (!found) return fail('challenge_invalid')
      if (!(found.challenge.methods as Method[]).includes(channel)) return fail('method_not_available')
      await store.write((tx) => factors.sendCode(tx, found.user, channel))
      return ok(true)
    },

    async complete({ challengeId, method, code, remember }, from) {
      const found = await personOf(challengeId)
      if (!found) return fail('challenge_invalid')
      const { challenge, user } = found
      if (!(challenge.methods as Method[]).includes(method)) return fail('method_not_available')
      return store.write(async (tx): Promise<Result<Admitted, CompleteCode>> => {
        // A right code is worth nothing for a challenge that another request has just settled.
        if (!(await challenges.waits(tx, challengeId))) return fail('challenge_invalid')
        const checked = await factors.check(tx, user, method, code)
        if (!checked.ok) {
          await challenges.wrong(tx, challengeId)
          await note(tx, user, from, checked.code, ['pwd', amrOf(method)])
          return checked
        }
        await challenges.settle(tx, challengeId)
        return ok(await admit(tx, user, ['pwd', amrOf(method), 'mfa'], from, remember))
      })
    },

    async askPasskey(challengeId) {
      if (challengeId === undefined) {
        const { id, nonce } = await challenges.open({ kind: 'passkey_sign_in' })
        return ok({ challengeId: id, options: await passkeys.askToSign(nonce) })
      }
      const found = await personOf(challengeId)
      if (!found) return fail('challenge_invalid')
      const { challenge, user } = found
      if (!(challenge.methods as Method[]).includes('passkey')) return fail('method_not_available')
      return ok({ challengeId, options: await passkeys.askToSign(challenge.nonce ?? '', user.id) })
    },

    async completeWithPasskey({ challengeId, credential, remember }, from) {
      const challenge =
        (await challenges.find(challengeId, 'passkey_sign_in')) ?? (await challenges.find(challengeId, 'sign_in'))
      if (!challenge?.nonce) return fail('challenge_invalid')
      const shown = await passkeys.check(challenge.nonce, credential)
      const fits = shown && (challenge.userId === null || challenge.userId === shown.userId)
      const user = shown && fits ? await users.byIdIn(store.read, shown.userId) : undefined
      if (!shown || !user) {
        await store.write(async (tx) => {
          await challenges.wrong(tx, challengeId)
          await note(tx, user, from, 'passkey_invalid', ['hwk'])
        })
        return fail('passkey_invalid')
      }
      const refused = REFUSED_STATES[user.status]
      if (refused) {
        await store.write((tx) => note(tx, user, from, refused, ['hwk']))
        return fail(refused)
      }
      const methods = challenge.kind === 'sign_in' ? ['pwd', 'hwk', 'mfa'] : ['hwk', 'user', 'mfa']
      return store.write(async (tx): Promise<Result<Admitted, 'challenge_invalid' | 'passkey_invalid'>> => {
        if (!(await challenges.settle(tx, challengeId))) return fail('challenge_invalid')
        if (!(await passkeys.used(tx, shown.passkeyId, shown.counter))) {
          await note(tx, user, from, 'passkey_invalid', methods)
          return fail('passkey_invalid')
        }
        return ok(await admit(tx, user, methods, from, remember))
      })
    },
  }
}
