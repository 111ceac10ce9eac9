/** What is done to accounts by others: an operator who makes or freezes them, an agent who lets tellers in. */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { securityChanged, userActivated } from '../events'
import { mayFreeze } from '../ownership'
import type { Role } from '../roles'
import type { Audit } from './audit'
import type { Challenges } from './challenges'
import type { Devices } from './devices'
import { isTrivialPin, type Pins } from './pins'
import type { NewPasswordCode, Recovery } from './recovery'
import type { RegistrationInput } from './registration'
import type { SecondFactors } from './second-factors'
import type { Sessions } from './sessions'
import { phoneOf, type User, type Users, type UserView, userView } from './users'

export type CreateUserCode = NewPasswordCode | 'email_taken' | 'phone_taken' | 'pin_trivial' | 'user_not_found'
export type FreezeCode = 'user_not_found' | 'status_conflict' | 'role_protected'

/** Who acts: a signed-in person, or the machine itself (`system`). */
export interface Actor {
  id: string
  role: string
  address?: string
}

export const SYSTEM: Actor = { id: 'system', role: 'operator' }

export interface NewUser extends RegistrationInput {
  role: Role
  pin?: string | undefined
  /** For a teller: whose till. */
  agentId?: string | undefined
}

export interface People {
  find(userId: string): Promise<Result<UserView, 'user_not_found'>>
  /** Creates an account that is active at once, because whoever creates it vouches for it and its addresses. */
  create(input: NewUser, actor: string, address?: string): Promise<Result<UserView, CreateUserCode>>
  /** Within a unit: freezes, or makes active again. A frozen person is signed out everywhere. */
  setFrozen(tx: Tx, userId: string, frozen: boolean, actor: Actor): Promise<Result<User, FreezeCode>>
  /** For somebody who has lost every factor: they are gone, and everybody is signed out. A new one is set up at the next sign-in. */
  resetFactors(reference: string, actor: Actor): Promise<Result<UserView, 'user_not_found' | 'role_protected'>>
  resetPassword(
    email: string,
    password: string,
    actor: string,
  ): Promise<Result<UserView, 'user_not_found' | NewPasswordCode>>
}

export interface PeopleParts {
  users: Users
  sessions: Sessions
  factors: SecondFactors
  devices: Devices
  challenges: Challenges
  recovery: Recovery
  pins: Pins
  events: Events
  audit: Audit
}

export function createPeople(
  { store, clock }: Runtime,
  { users, sessions, factors, devices, challenges, recovery, pins, events, audit }: PeopleParts,
): People {
  async function isAgent(tx: Tx, id: string | undefined): Promise<boolean> {
    const agent = id === undefined ? undefined : await users.byIdIn(tx, id)
    return agent?.role === 'agent' && agent.status === 'active'
  }

  return {
    async find(userId) {
      const user = await users.byId(userId)
      return user ? ok(userView(user)) : fail('user_not_found')
    },

    async create({ name, email, phone, password, role, pin, agentId }, actor, address) {
      if (pin !== undefined && isTrivialPin(pin)) return fail('pin_trivial')
      const accepted = await recovery.accept(password, { name, email })
      if (!accepted.ok) return accepted
      const pinHash = pin === undefined ? null : await pins.hash(pin)
      const number = phone === undefined ? null : phoneOf(phone)
      return store.write(async (tx): Promise<Result<UserView, CreateUserCode>> => {
        if ((await users.byEmail(tx, email)) !== undefined) return fail('email_taken')
        if (role === 'teller' && !(await isAgent(tx, agentId)))
          return fail('user_not_found', 'A teller needs the agentId of an agent.')
        if (number !== null && (await users.byPhone(tx, number)) !== undefined) return fail('phone_taken')
        const user = await users.create(tx, {
          name,
          email,
          phone: number,
          phoneVerifiedAt: number === null ? null : clock(),
          role,
          agentId: role === 'teller' ? (agentId ?? null) : null,
          status: 'active',
          passwordHash: accepted.value,
          pinHash,
        })
        const detail = { role, agentId: agentId ?? null }
        await audit(tx, { actor, action: 'user.create', subject: user.id, outcome: 'allowed', address, detail })
        await events.append(tx, userActivated, user.id, { userId: user.id })
        return ok(userView(user))
      })
    },

    async setFrozen(tx, userId, frozen, actor) {
      const user = await users.lock(tx, userId)
      if (!user) return fail('user_not_found')
      const status = frozen ? 'frozen' : 'active'
      if (!mayFreeze(actor, user)) return fail('role_protected')
      if (user.status !== status && user.status !== (frozen ? 'active' : 'frozen')) return fail('status_conflict')
      // Whoever wants it too is noted, though nothing changes: it may take both to undo it.
      const action = frozen ? 'user.freeze' : 'user.unfreeze'
      await audit(tx, { actor: actor.id, action, subject: userId, outcome: 'allowed', address: actor.address })
      if (user.status === status) return ok(user)
      await users.change(tx, userId, { status, updatedAt: clock() })
      if (frozen) await sessions.revokeAll(tx, userId, 'frozen')
      return ok({ ...user, status })
    },

    async resetFactors(reference, actor) {
      const found = await users.byReference(reference)
      if (!found) return fail('user_not_found')
      if (found.id === actor.id) return fail('role_protected')
      return store.write(async (tx): Promise<Result<UserView, 'user_not_found'>> => {
        const user = await users.lock(tx, found.id)
        if (!user) return fail('user_not_found')
        await factors.eraseOf(tx, user.id)
        await users.change(tx, user.id, {
          codeFactors: [],
          factorFailures: 0,
          factorLockedUntil: 0,
          updatedAt: clock(),
        })
        await sessions.revokeAll(tx, user.id, 'factors_reset')
        await devices.distrustAll(tx, user.id)
        await challenges.kill(tx, user.id)
        const note = { actor: actor.id, action: 'factor.reset', subject: user.id, address: actor.address }
        await audit(tx, { ...note, outcome: 'allowed' })
        await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'factors_reset' })
        return ok(userView(user))
      })
    },

    async resetPassword(email, password, actor) {
      const accepted = await recovery.accept(password, await users.byEmail(store.read, email))
      if (!accepted.ok) return accepted
      return store.write(async (tx): Promise<Result<UserView, 'user_not_found' | NewPasswordCode>> => {
        const user = await users.byEmail(tx, email)
        if (!user) return fail('user_not_found')
        await recovery.replace(tx, user, accepted.value, 'password_reset')
        await audit(tx, { actor, action: 'user.reset_password', subject: user.id, outcome: 'allowed' })
        return ok(userView(user))
      })
    },
  }
}
