/**
 * The addresses by which a person is reached. A new one counts once it is proved with a code that was sent to it; the
 * one before hears of the change. Nobody learns whether an address or a number belongs to somebody else: the answer to
 * the wish is always the same, and a number that changed hands goes to whoever can read its messages now.
 */

import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type CodeChannel, registrationRepeated, type SecurityChange, securityChanged } from '../events'
import type { Addresses } from './addresses'
import type { Audit } from './audit'
import type { Codes } from './codes'
import { killResetLinks } from './recovery'
import { codeFactorsOf, type SecondFactors } from './second-factors'
import { emailKeyOf, phoneOf, type User, type Users, type UserView, userView } from './users'

const SENT_TO_PHONES = ['change_phone', 'verify_phone', 'second_factor'] as const

interface EmailIntent {
  email: string
}

interface PhoneIntent {
  phone: string
}

export interface Contacts {
  /** Sends a code to the new address. */
  changeEmail(user: User, email: string): Promise<void>
  confirmEmail(user: User, code: string, address: string): Promise<Result<UserView, 'code_invalid' | 'email_taken'>>
  /** Sends a code to the number: a new one, or the one that waits since the registration. */
  changePhone(user: User, phone: string): Promise<Result<true, 'phone_not_served'>>
  confirmPhone(user: User, code: string, address: string): Promise<Result<UserView, 'code_invalid'>>
  removePhone(user: User, address: string): Promise<Result<UserView, 'second_factor_needed'>>
  /** Within a unit: asks the person to prove the number that they registered with. */
  askForPhone(tx: Tx, user: User): Promise<void>
}

export interface ContactParts {
  users: Users
  factors: SecondFactors
  codes: Codes
  addresses: Addresses
  events: Events
  audit: Audit
}

export interface ContactOptions {
  /** Calling codes that SMS go to, such as `258`; none: all. */
  callingCodes: readonly string[]
}

export function createContacts(
  { store, clock }: Runtime,
  { users, factors, codes, addresses, events, audit }: ContactParts,
  { callingCodes }: ContactOptions,
): Contacts {
  const served = (phone: string) =>
    callingCodes.length === 0 || callingCodes.some((code) => phone.startsWith(`+${code}`))

  const tell = (tx: Tx, userId: string, change: SecurityChange, addressId?: string) =>
    events.append(tx, securityChanged, userId, { userId, change, ...(addressId === undefined ? {} : { addressId }) })

  const note = (tx: Tx, userId: string, action: string, outcome: 'allowed' | 'refused', address: string) =>
    audit(tx, { actor: userId, action, subject: userId, outcome, address })

  async function sendCode(tx: Tx, user: User, channel: CodeChannel, to: string, intent: object): Promise<void> {
    const purpose = channel === 'email' ? 'change_email' : 'change_phone'
    const addressId = await addresses.keep(tx, user.id, to)
    await codes.issue(tx, {
      userId: user.id,
      purpose,
      channel,
      phone: channel === 'sms' ? to : undefined,
      addressId,
      intent,
    })
  }

  /** Whatever was sent to the address before is worth nothing any more. */
  async function killOutstanding(tx: Tx, userId: string): Promise<void> {
    await codes.kill(tx, userId)
    await killResetLinks(tx, userId, clock())
  }

  async function changed(tx: Tx, userId: string, changes: Partial<User>): Promise<UserView> {
    await users.change(tx, userId, { ...changes, updatedAt: clock() })
    return userView((await users.byIdIn(tx, userId)) as User)
  }

  /** The number moves: whoever had it before has it no more. */
  async function takeOver(tx: Tx, phone: string, newOwner: string, address: string): Promise<void> {
    const before = await users.byPhone(tx, phone)
    if (!before || before.id === newOwner) return
    await codes.kill(tx, before.id, SENT_TO_PHONES)
    await changed(tx, before.id, withoutPhone(before))
    await tell(tx, before.id, 'phone_taken_over')
    await audit(tx, { actor: newOwner, action: 'phone.take_over', subject: before.id, outcome: 'allowed', address })
  }

  return {
    changeEmail: (user, email) =>
      store.write(async (tx) => {
        const owner = await users.byEmail(tx, email)
        if (owner && owner.id !== user.id) {
          const decoy = { userId: owner.id, purpose: 'decoy', channel: 'email' } as const
          if (await codes.issue(tx, decoy))
            await events.append(tx, registrationRepeated, owner.id, { userId: owner.id })
          return
        }
        await sendCode(tx, user, 'email', email, { email } satisfies EmailIntent)
      }),

    confirmEmail: (user, code, address) =>
      store.write(async (tx): Promise<Result<UserView, 'code_invalid' | 'email_taken'>> => {
        const redeemed = await codes.redeem(tx, user.id, 'change_email', code)
        await note(tx, user.id, 'email.change', redeemed ? 'allowed' : 'refused', address)
        if (!redeemed) return fail('code_invalid')
        const { email } = redeemed.intent as EmailIntent
        const owner = await users.byEmail(tx, email)
        if (owner && owner.id !== user.id) return fail('email_taken')
        await killOutstanding(tx, user.id)
        const before = await addresses.keep(tx, user.id, user.email)
        const view = await changed(tx, user.id, { email, emailKey: emailKeyOf(email) })
        await tell(tx, user.id, 'email_changed', before)
        return ok(view)
      }),

    async changePhone(user, given) {
      const phone = phoneOf(given)
      if (!served(phone)) return fail('phone_not_served')
      await store.write((tx) => sendCode(tx, user, 'sms', phone, { phone } satisfies PhoneIntent))
      return ok(true)
    },

    confirmPhone: (user, code, address) =>
      store.write(async (tx): Promise<Result<UserView, 'code_invalid'>> => {
        const redeemed =
          (await codes.redeem(tx, user.id, 'change_phone', code)) ??
          (await codes.redeem(tx, user.id, 'verify_phone', code))
        await note(tx, user.id, 'phone.change', redeemed ? 'allowed' : 'refused', address)
        if (!redeemed) return fail('code_invalid')
        const { phone } = redeemed.intent as PhoneIntent
        await takeOver(tx, phone, user.id, address)
        await codes.kill(tx, user.id, SENT_TO_PHONES)
        const leaves = user.phone !== null && user.phoneVerifiedAt !== null && user.phone !== phone
        const before = leaves ? await addresses.keep(tx, user.id, user.phone as string) : undefined
        const view = await changed(tx, user.id, { phone, phoneVerifiedAt: clock() })
        await tell(tx, user.id, 'phone_changed', before)
        return ok(view)
      }),

    removePhone: (user, address) =>
      store.write(async (tx): Promise<Result<UserView, 'second_factor_needed'>> => {
        const asFactor = await factors.mayRemove(tx, user, 'sms')
        if (!asFactor.ok && asFactor.code === 'second_factor_needed') return fail('second_factor_needed')
        await codes.kill(tx, user.id, SENT_TO_PHONES)
        const proved = user.phone !== null && user.phoneVerifiedAt !== null
        const before = proved ? await addresses.keep(tx, user.id, user.phone as string) : undefined
        const view = await changed(tx, user.id, withoutPhone(user))
        await note(tx, user.id, 'phone.remove', 'allowed', address)
        await tell(tx, user.id, 'phone_removed', before)
        return ok(view)
      }),

    async askForPhone(tx, user) {
      if (user.phone === null || user.phoneVerifiedAt !== null || !served(user.phone)) return
      const intent = { phone: user.phone } satisfies PhoneIntent
      const addressId = await addresses.keep(tx, user.id, user.phone)
      await codes.issue(tx, {
        userId: user.id,
        purpose: 'verify_phone',
        channel: 'sms',
        phone: user.phone,
        addressId,
        intent,
      })
    },
  }
}

/** Without a number there are no codes to it either. */
const withoutPhone = (user: User): Partial<User> => ({
  phone: null,
  phoneVerifiedAt: null,
  codeFactors: codeFactorsOf(user).filter((channel) => channel !== 'sms'),
})
