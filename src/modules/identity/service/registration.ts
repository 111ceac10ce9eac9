/**
 * Registration: a pending account, a code to its address, and the account is open once somebody who reads that address
 * says so. Until then each registration stands behind its own code, so that nobody can prepare an account for another.
 */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Jobs } from '../../../platform/jobs'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { registrationRepeated, userActivated } from '../events'
import type { Audit } from './audit'
import type { Codes } from './codes'
import type { Contacts } from './contacts'
import type { NewPasswordCode, Recovery } from './recovery'
import type { Admitted, DeviceOrigin, SignIn } from './sign-in'
import { phoneOf, type User, type Users } from './users'

export interface RegistrationInput {
  name: string
  email: string
  phone?: string | undefined
  password: string
}

export interface Registration {
  /** The same answer whether or not the address is known: its owner hears of it by mail. */
  register(
    input: RegistrationInput,
    address: string,
  ): Promise<Result<{ id: string; status: 'pending_verification' }, NewPasswordCode>>
  resend(email: string): Promise<void>
  verify(email: string, code: string, from: DeviceOrigin): Promise<Result<Admitted, 'code_invalid'>>
}

export interface RegistrationParts {
  users: Users
  codes: Codes
  contacts: Contacts
  recovery: Recovery
  signIn: SignIn
  events: Events
  jobs: Jobs
  audit: Audit
}

/** What a registration sets once its code is redeemed. */
type Details = Pick<User, 'name' | 'email' | 'phone' | 'passwordHash'>

const detailsOf = ({ name, email, phone, passwordHash }: User): Details => ({ name, email, phone, passwordHash })

const ATTEMPTS = 3

export function createRegistration(
  { store, clock, keyring }: Runtime,
  { users, codes, contacts, recovery, signIn, events, jobs, audit }: RegistrationParts,
): Registration {
  const askAgain = jobs.define<{ sealedEmail: string }>({
    name: 'identity.resend_verification',
    attempts: ATTEMPTS,
    run:
      async ({ sealedEmail }) =>
      async (tx) => {
        const user = await users.byEmail(tx, keyring.open('resend-email', sealedEmail))
        if (user?.status === 'pending_verification') await sendCode(tx, user, detailsOf(user))
      },
  })

  const sendCode = (tx: Tx, user: User, details: Details) =>
    codes.issue(tx, { userId: user.id, purpose: 'verify_email', channel: 'email', intent: details })

  /** As much work as a real registration, so that its time tells nothing either. */
  async function pretend(tx: Tx, known: User): Promise<void> {
    const decoy = { userId: known.id, purpose: 'decoy', channel: 'email' } as const
    // As seldom as a code would be sent, or anybody could fill the owner's mailbox.
    if (await codes.issue(tx, decoy)) await events.append(tx, registrationRepeated, known.id, { userId: known.id })
  }

  return {
    async register({ name, email, phone, password }, address) {
      const accepted = await recovery.accept(password, { name, email })
      if (!accepted.ok) return accepted
      const details = { name, email, phone: phone === undefined ? null : phoneOf(phone), passwordHash: accepted.value }
      return store.write(async (tx) => {
        const known = await users.byEmail(tx, email)
        const id = known?.id ?? users.idFor(email)
        if (known && known.status !== 'pending_verification') {
          await pretend(tx, known)
        } else {
          const user =
            known ??
            (await users.create(tx, { ...details, role: 'customer', status: 'pending_verification', pinHash: null }))
          await sendCode(tx, user, details)
        }
        await audit(tx, { actor: id, action: 'user.register', subject: id, outcome: 'allowed', address })
        return ok({ id: users.idFor(email), status: 'pending_verification' as const })
      })
    },

    resend: (email) => store.write((tx) => askAgain(tx, { sealedEmail: keyring.seal('resend-email', email) })),

    verify: (email, code, from) =>
      store.write(async (tx): Promise<Result<Admitted, 'code_invalid'>> => {
        const user = await users.byEmail(tx, email)
        if (user?.status !== 'pending_verification') return fail('code_invalid')
        const redeemed = await codes.redeem(tx, user.id, 'verify_email', code)
        await audit(tx, {
          actor: user.id,
          action: 'user.verify_email',
          subject: user.id,
          outcome: redeemed ? 'allowed' : 'refused',
          address: from.address,
        })
        if (!redeemed) return fail('code_invalid')
        const activated = {
          ...(redeemed.intent as Details),
          phoneVerifiedAt: null,
          status: 'active',
          updatedAt: clock(),
        }
        await users.change(tx, user.id, activated)
        const active = { ...user, ...activated }
        await contacts.askForPhone(tx, active)
        await events.append(tx, userActivated, user.id, { userId: user.id })
        return ok(await signIn.admit(tx, active, ['otp', 'pwd'], from))
      }),
  }
}
