/** The rules of identity: registration, sign-in, the profile, and what an operator may do to an account. */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { idText } from '../../../platform/ids'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { registrationRepeated, userActivated } from '../events'
import type { IdentityCode, PinCode } from '../failures'
import type { Role } from '../roles'
import { createAudit } from './audit'
import { createCodes } from './codes'
import { hashSecret, verifyNothing, verifySecret } from './passwords'
import { createPins, isTrivialPin } from './pins'
import { createSessions, type OpenedSession, type Sessions, type Tokens } from './sessions'
import { createSetup, type Setup } from './setup'
import { createUsers, emailKeyOf, phoneOf, type User, type UserView, userView } from './users'

export interface Registration {
  name: string
  email: string
  phone?: string | undefined
  password: string
}

export interface SignedIn extends Tokens {
  user: UserView
}

export interface Identity {
  /** The same answer whether or not the address is known: its owner hears of it by mail. */
  register(input: Registration): Promise<{ id: string; status: 'pending_verification' }>
  resendVerification(email: string): Promise<void>
  verifyEmail(email: string, code: string, address: string): Promise<Result<SignedIn, 'code_invalid'>>
  login(email: string, password: string, address: string): Promise<Result<SignedIn, LoginCode>>
  refresh(refreshToken: string, address: string): Promise<Result<SignedIn, 'refresh_token_invalid'>>
  logout(refreshToken: string): Promise<void>
  profile(userId: string): Promise<UserView>
  updateProfile(
    userId: string,
    changes: { name?: string; phone?: string | null },
  ): Promise<Result<UserView, 'phone_taken'>>
  setPin(userId: string, pin: string, password: string, address: string): Promise<Result<true, SetPinCode>>
  /** The user, if this is their PIN. */
  verifyPin(userId: string, pin: string): Promise<Result<User, PinCode>>
  /** Creates an account that is active at once, because whoever creates it vouches for it. */
  createUser(
    input: Registration & { role: Role; pin?: string | undefined },
    actor: string,
  ): Promise<Result<UserView, CreateUserCode>>
  /** Within a unit: freezes, or makes active again. A frozen person is signed out everywhere. */
  setFrozen(
    tx: Tx,
    userId: string,
    frozen: boolean,
    actor: string,
  ): Promise<Result<User, 'user_not_found' | 'status_conflict'>>
  resetPassword(email: string, password: string, actor: string): Promise<Result<UserView, 'user_not_found'>>
  /** By user id, e-mail address or phone number. */
  find(reference: string): Promise<User | undefined>
  hasOperator(): Promise<boolean>
  authenticate: Sessions['authenticate']
  pruneSessions: Sessions['prune']
  setup: Setup
}

/** What a registration sets once its code is redeemed. */
type RegistrationDetails = Pick<User, 'name' | 'email' | 'phone' | 'passwordHash'>

const registrationOf = ({ name, email, phone, passwordHash }: User): RegistrationDetails => ({
  name,
  email,
  phone,
  passwordHash,
})

export type LoginCode = 'credentials_invalid' | 'account_pending' | 'account_frozen' | 'account_closed'
type SetPinCode = 'password_wrong' | 'pin_trivial'
type CreateUserCode = Extract<IdentityCode, 'email_taken' | 'phone_taken' | 'pin_trivial'>

const REFUSED_STATES: Record<string, LoginCode> = {
  pending_verification: 'account_pending',
  frozen: 'account_frozen',
  closed: 'account_closed',
}

export interface IdentityOptions {
  /** `iss` of the access tokens. */
  issuer: string
}

export function createIdentity(runtime: Runtime, events: Events, { issuer }: IdentityOptions): Identity {
  const { store, clock, newId, keyring } = runtime
  const audit = createAudit(runtime)
  const users = createUsers(runtime)
  const codes = createCodes(runtime, events)
  const sessions = createSessions(runtime, events, audit, issuer)
  const pins = createPins(runtime, users, audit)

  /**
   * A new account’s id comes of its address by a keyed hash, and tells nothing, not even its age: so the answer to a
   * registration is the same whether or not there is an account already.
   */
  const idFor = (email: string) => `usr_${idText(Buffer.from(keyring.hash('user-id', emailKeyOf(email)), 'base64url'))}`

  async function insertUser(
    tx: Tx,
    user: {
      name: string
      email: string
      phone: string | null
      role: Role
      status: string
      passwordHash: string
      pinHash: string | null
    },
  ): Promise<User> {
    const now = clock()
    const row: User = {
      id: (await users.byIdIn(tx, idFor(user.email))) ? newId('usr') : idFor(user.email),
      ...user,
      emailKey: emailKeyOf(user.email),
      pinFailures: 0,
      pinLockedUntil: 0,
      createdAt: now,
      updatedAt: now,
    }
    await users.insert(tx, row)
    return row
  }

  /** The number, unless somebody else has it. */
  async function freePhone(tx: Tx, phone: string | undefined, userId?: string): Promise<string | null> {
    if (phone === undefined) return null
    const number = phoneOf(phone)
    const owner = await users.byPhone(tx, number)
    return owner && owner.id !== userId ? null : number
  }

  async function signedIn(session: OpenedSession): Promise<SignedIn> {
    return { ...(await sessions.tokens(session)), user: userView(session.user) }
  }

  const setup = createSetup(runtime, {
    hasOperator: async (tx) => (await users.countOperators(tx)) > 0,
    insertOperator: (tx, { name, email, passwordHash }) =>
      insertUser(tx, { name, email, phone: null, role: 'operator', status: 'active', passwordHash, pinHash: null }),
    emailTaken: async (tx, email) => (await users.byEmail(tx, email)) !== undefined,
    audit,
  })

  return {
    async register({ name, email, phone, password }) {
      const passwordHash = await hashSecret(password)
      return store.write(async (tx) => {
        const known = await users.byEmail(tx, email)
        if (known && known.status !== 'pending_verification') {
          await events.append(tx, registrationRepeated, known.id, { userId: known.id })
          return { id: idFor(email), status: 'pending_verification' as const }
        }
        const details = { name, email, phone: await freePhone(tx, phone, known?.id), passwordHash }
        const user =
          known ??
          (await insertUser(tx, { ...details, role: 'customer', status: 'pending_verification', pinHash: null }))
        // Until somebody proves that the address is theirs, each registration stands behind its own code.
        await codes.issue(tx, user.id, 'verify_email', details)
        await audit(tx, { actor: user.id, action: 'user.register', subject: user.id, outcome: 'allowed' })
        return { id: user.id, status: 'pending_verification' as const }
      })
    },

    resendVerification: (email) =>
      store.write(async (tx) => {
        const user = await users.byEmail(tx, email)
        if (user?.status === 'pending_verification')
          await codes.issue(tx, user.id, 'verify_email', registrationOf(user))
      }),

    async verifyEmail(email, code, address) {
      const result = await store.write(async (tx): Promise<Result<OpenedSession, 'code_invalid'>> => {
        const user = await users.byEmail(tx, email)
        if (user?.status !== 'pending_verification') return fail('code_invalid')
        const redeemed = await codes.redeem(tx, user.id, 'verify_email', code)
        if (!redeemed) {
          await audit(tx, {
            actor: user.id,
            action: 'user.verify_email',
            subject: user.id,
            outcome: 'refused',
            address,
          })
          return fail('code_invalid')
        }
        const registration = redeemed.intent as RegistrationDetails
        const phone = await freePhone(tx, registration.phone ?? undefined, user.id)
        const activated = { ...registration, phone, status: 'active', updatedAt: clock() }
        await users.change(tx, user.id, activated)
        await events.append(tx, userActivated, user.id, { userId: user.id })
        await audit(tx, { actor: user.id, action: 'user.verify_email', subject: user.id, outcome: 'allowed', address })
        return ok(await sessions.open(tx, { ...user, ...activated }))
      })
      return result.ok ? ok(await signedIn(result.value)) : result
    },

    async login(email, password, address) {
      const user = await users.byEmail(store.read, email)
      const right = user ? await verifySecret(password, user.passwordHash) : await verifyNothing(password)
      const refused = !right || !user ? 'credentials_invalid' : REFUSED_STATES[user.status]
      const opened = await store.write(async (tx): Promise<OpenedSession | undefined> => {
        const subject = user?.id ?? 'unknown'
        const outcome = refused ? 'refused' : 'allowed'
        await audit(tx, {
          actor: subject,
          action: 'session.login',
          subject,
          outcome,
          address,
          detail: { reason: refused ?? null },
        })
        return refused || !user ? undefined : sessions.open(tx, user)
      })
      return opened ? ok(await signedIn(opened)) : fail(refused ?? 'credentials_invalid')
    },

    async refresh(refreshToken, address) {
      const result = await sessions.refresh(refreshToken, address)
      return result.ok ? ok(await signedIn(result.value)) : result
    },

    logout: sessions.close,

    async profile(userId) {
      const user = await users.byId(userId)
      if (!user) throw new Error(`The user ${userId} of a session is not there.`)
      return userView(user)
    },

    updateProfile: (userId, changes) =>
      store.write(async (tx): Promise<Result<UserView, 'phone_taken'>> => {
        const phone = changes.phone == null ? changes.phone : await freePhone(tx, changes.phone, userId)
        if (phone === null && changes.phone !== null) return fail('phone_taken')
        const changed = {
          ...(changes.name === undefined ? {} : { name: changes.name }),
          ...(phone === undefined ? {} : { phone }),
          updatedAt: clock(),
        }
        await users.change(tx, userId, changed)
        const updated = await users.lock(tx, userId)
        return ok(userView(updated as User))
      }),

    async setPin(userId, pin, password, address) {
      if (isTrivialPin(pin)) return fail('pin_trivial')
      const user = await users.byId(userId)
      const right = user !== undefined && (await verifySecret(password, user.passwordHash))
      const pinHash = right ? await pins.hash(pin) : null
      await store.write(async (tx) => {
        await audit(tx, {
          actor: userId,
          action: 'pin.set',
          subject: userId,
          outcome: right ? 'allowed' : 'refused',
          address,
        })
        if (pinHash === null) return
        await users.change(tx, userId, { pinHash, pinFailures: 0, pinLockedUntil: 0, updatedAt: clock() })
      })
      return right ? ok(true) : fail('password_wrong')
    },

    verifyPin: pins.verify,

    async createUser({ name, email, phone, password, role, pin }, actor) {
      if (pin !== undefined && isTrivialPin(pin)) return fail('pin_trivial')
      const passwordHash = await hashSecret(password)
      const pinHash = pin === undefined ? null : await pins.hash(pin)
      return store.write(async (tx): Promise<Result<UserView, CreateUserCode>> => {
        if ((await users.byEmail(tx, email)) !== undefined) return fail('email_taken')
        const number = await freePhone(tx, phone)
        if (phone !== undefined && number === null) return fail('phone_taken')
        const user = await insertUser(tx, { name, email, phone: number, role, status: 'active', passwordHash, pinHash })
        await audit(tx, { actor, action: 'user.create', subject: user.id, outcome: 'allowed', detail: { role } })
        await events.append(tx, userActivated, user.id, { userId: user.id })
        return ok(userView(user))
      })
    },

    async setFrozen(tx, userId, frozen, actor) {
      const user = await users.lock(tx, userId)
      if (!user) return fail('user_not_found')
      const status = frozen ? 'frozen' : 'active'
      if (user.status === status) return ok(user)
      if (user.status !== (frozen ? 'active' : 'frozen')) return fail('status_conflict')
      await users.change(tx, userId, { status, updatedAt: clock() })
      if (frozen) await sessions.revokeAll(tx, userId, 'frozen')
      await audit(tx, { actor, action: frozen ? 'user.freeze' : 'user.unfreeze', subject: userId, outcome: 'allowed' })
      return ok({ ...user, status })
    },

    async resetPassword(email, password, actor) {
      const passwordHash = await hashSecret(password)
      return store.write(async (tx): Promise<Result<UserView, 'user_not_found'>> => {
        const user = await users.byEmail(tx, email)
        if (!user) return fail('user_not_found')
        await users.change(tx, user.id, { passwordHash, updatedAt: clock() })
        await sessions.revokeAll(tx, user.id, 'password_reset')
        await audit(tx, { actor, action: 'user.reset_password', subject: user.id, outcome: 'allowed' })
        return ok(userView(user))
      })
    },

    find: users.byReference,

    hasOperator: async () => (await users.countOperators(store.read)) > 0,
    authenticate: sessions.authenticate,
    pruneSessions: sessions.prune,
    setup,
  }
}
