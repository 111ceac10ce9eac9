/** Identity, put together: each part in a file of its own, and what the rest of Kumbu may ask of them. */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Principal } from '../../../platform/http/context'
import type { Jobs } from '../../../platform/jobs'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { securityChanged } from '../events'
import type { PinCode } from '../failures'
import { type Access, createAccess } from './access'
import { createAccessTokens } from './access-tokens'
import { type Addresses, createAddresses } from './addresses'
import { API_KEY_PREFIX, type ApiKeys, createApiKeys } from './api-keys'
import { type AuditEntry, type AuditLog, createAuditLog } from './audit'
import { type Challenges, createChallenges } from './challenges'
import { type Closing, createClosing } from './closing'
import { type Codes, createCodes } from './codes'
import { type Contacts, createContacts } from './contacts'
import { createDevices } from './devices'
import { createPasskeys, type Passkeys } from './passkeys'
import { createPeople, type People } from './people'
import { createPins, isTrivialPin } from './pins'
import { createRecovery, type Recovery } from './recovery'
import { createRegistration, type Registration } from './registration'
import { createSecondFactors, type SecondFactors } from './second-factors'
import { createSessions, type OpenedSession, type Sessions, type Tokens } from './sessions'
import { createSetup, type Setup } from './setup'
import { createSignIn, type SignIn } from './sign-in'
import { createStepUp, type StepUp } from './step-up'
import { createUsers, type User, type Users, type UserView, userView } from './users'

export interface SignedIn extends Tokens {
  user: UserView
  /** The session may do nothing but set up the second factor that the role demands. */
  secondFactorRequired: boolean
}

export interface Identity {
  registration: Registration
  signIn: SignIn
  sessions: Sessions
  stepUp: StepUp
  factors: SecondFactors
  passkeys: Passkeys
  access: Access
  contacts: Contacts
  recovery: Recovery
  apiKeys: ApiKeys
  closing: Closing
  people: People
  setup: Setup
  auditLog: AuditLog
  users: Pick<Users, 'search' | 'idFor'>
  /** The tokens of a session whose unit is committed. */
  tokensOf(session: OpenedSession): Promise<SignedIn>
  /** The user of a session, who is there. */
  known(userId: string): Promise<User>
  /** Within a unit. */
  userIn(tx: Tx, userId: string): Promise<User | undefined>
  updateProfile(userId: string, changes: { name?: string }): Promise<UserView>
  setPin(
    user: User,
    input: { pin: string; password?: string | undefined; sessionId: string; address: string },
  ): Promise<Result<true, 'password_wrong' | 'pin_trivial' | 'step_up_required'>>
  /** The user, if this is their PIN. */
  verifyPin(userId: string, pin: string): Promise<Result<User, PinCode>>
  /** By user id, e-mail address or proved phone number. */
  find(reference: string): Promise<User | undefined>
  /** Many by their ids. */
  findAll(ids: readonly string[]): Promise<Map<string, User>>
  /**
   * The same for somebody who stands at the till: a number that nobody has proved is enough if one person alone claims
   * it. Money that is sent from afar asks for more.
   */
  findPresent(reference: string): Promise<User | undefined>
  /** The agent or ATM whose float whoever this is works with: a teller works with their agent’s. */
  tillOf(userId: string): Promise<Result<User, 'till_closed'>>
  /** An address of the sort that events name by its id. */
  addressOf: Addresses['find']
  /** Within the unit that has a code of another program sent. */
  countCodeSend: Codes['countSend']
  /** Adds to the audit log, outside any unit. */
  noted(entry: Omit<AuditEntry, 'outcome'>): Promise<void>
  /** Notes that a limit was reached; nobody waits for it. */
  noteLimit(limit: { what: string; subject: string; address: string }): void
  hasOperator(): Promise<boolean>
  authenticate(token: string): Principal | undefined | Promise<Principal | undefined>
  /** Deletes what has ended and is not needed any more. */
  prune(now: number): Promise<void>
}

export interface IdentityOptions {
  /** `iss` of the access tokens. */
  issuer: string
  /** The address at which people reach this instance. */
  baseUrl: () => string
  /** How authenticator apps name the place. */
  name: string
  /** Roles that must have a second factor. */
  secondFactorRoles: ReadonlySet<string>
  callingCodes: readonly string[]
  /** How long it is kept whose a closed account was. */
  closedKeptMs: number
  canMail: () => boolean
}

export function createIdentity(runtime: Runtime, events: Events, jobs: Jobs, options: IdentityOptions): Identity {
  const { store, clock, log } = runtime
  const auditLog = createAuditLog(runtime)
  const { audit } = auditLog
  const users = createUsers(runtime)
  const codes = createCodes(runtime, events)
  const addresses = createAddresses(runtime)
  const devices = createDevices(runtime)
  const challenges: Challenges = createChallenges(runtime)
  const accessTokens = createAccessTokens(runtime, options.issuer)
  const sessions = createSessions(runtime, { users, events, audit, accessTokens })
  const pins = createPins(runtime, users, audit)
  const factors = createSecondFactors(
    runtime,
    { users, codes, sessions, events, audit },
    { issuer: options.name, requiredFor: options.secondFactorRoles },
  )
  const passkeys = createPasskeys(runtime, { challenges, factors }, options.baseUrl)
  const signIn = createSignIn(runtime, {
    users,
    sessions,
    factors,
    passkeys,
    challenges,
    devices,
    events,
    audit,
    canMail: options.canMail,
  })
  const stepUp = createStepUp(runtime, { users, sessions, factors, passkeys, challenges, audit })
  const contacts = createContacts(runtime, { users, factors, codes, addresses, events, audit }, options)
  const recovery = createRecovery(runtime, { users, sessions, challenges, devices, codes, events, jobs, audit })
  const registration = createRegistration(runtime, {
    users,
    codes,
    contacts,
    recovery,
    signIn,
    events,
    jobs,
    audit,
  })
  const apiKeys = createApiKeys(runtime, { sessions, events, audit })
  const people = createPeople(runtime, { users, sessions, factors, devices, challenges, recovery, pins, events, audit })
  const closing = createClosing(
    runtime,
    { users, sessions, devices, factors, codes, addresses, events, log: auditLog },
    { keptMs: options.closedKeptMs },
  )

  async function known(userId: string): Promise<User> {
    const user = await users.byId(userId)
    if (!user) throw new Error(`The user ${userId} of a session is not there.`)
    return user
  }

  async function keepPin(tx: Tx, user: User, pinHash: string, address: string): Promise<void> {
    await users.change(tx, user.id, { pinHash, pinFailures: 0, pinLockedUntil: 0, updatedAt: clock() })
    await audit(tx, { actor: user.id, action: 'pin.set', subject: user.id, outcome: 'allowed', address })
    // The first PIN is chosen, not changed.
    if (user.pinHash !== null)
      await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'pin_changed' })
  }

  return {
    registration,
    signIn,
    sessions,
    stepUp,
    factors,
    passkeys,
    access: createAccess(runtime, { sessions, devices, audit }),
    contacts,
    recovery,
    apiKeys,
    closing,
    people,
    auditLog,
    users,
    known,
    userIn: users.byIdIn,
    setup: createSetup(runtime, { users, recovery, audit }),

    async tokensOf(session) {
      const tokens = await sessions.tokens(session)
      return { ...tokens, user: userView(session.user), secondFactorRequired: session.restricted }
    },

    updateProfile: (userId, { name }) =>
      store.write(async (tx) => {
        await users.change(tx, userId, { ...(name === undefined ? {} : { name }), updatedAt: clock() })
        return userView((await users.lock(tx, userId)) as User)
      }),

    async setPin(user, { pin, password, sessionId, address }) {
      if (isTrivialPin(pin)) return fail('pin_trivial')
      const proved = await stepUp.proved(user, password, sessionId, address, 'pin.set')
      if (!proved.ok) return proved
      const pinHash = await pins.hash(pin)
      await store.write((tx) => keepPin(tx, user, pinHash, address))
      return ok(true)
    },

    verifyPin: pins.verify,
    find: users.byReference,
    findAll: users.byIds,
    async findPresent(reference) {
      const found = await users.byReference(reference)
      return found ?? (/^\+/.test(reference.trim()) ? users.byClaimedPhone(reference) : undefined)
    },

    async tillOf(userId) {
      const user = await known(userId)
      if (user.role !== 'teller') return ok(user)
      const agent = user.agentId === null ? undefined : await users.byId(user.agentId)
      return agent?.status === 'active' ? ok(agent) : fail('till_closed')
    },

    addressOf: addresses.find,
    countCodeSend: codes.countSend,
    noted: (entry) => store.write((tx) => audit(tx, { ...entry, outcome: 'allowed' })),
    noteLimit({ what, subject, address }) {
      const entry = { actor: 'unknown', action: 'limit.reached', subject, address, detail: { what } }
      store
        .write((tx) => audit(tx, { ...entry, outcome: 'refused' }))
        .catch((error) => log.warn({ error }, 'a limit that was reached could not be noted'))
    },
    hasOperator: async () => (await users.countOperators(store.read)) > 0,
    authenticate: (token) =>
      token.startsWith(API_KEY_PREFIX) ? apiKeys.authenticate(token) : sessions.authenticate(token),

    async prune(now) {
      for (const prune of [() => sessions.prune(now), codes.prune, challenges.prune, addresses.prune, devices.prune]) {
        while ((await prune()) > 0);
      }
      await recovery.prune()
      while ((await closing.eraseDue()) > 0);
    },
  }
}
