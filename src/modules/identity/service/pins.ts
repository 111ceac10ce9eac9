/**
 * The PIN that authorizes money. Argon2id over the PIN mixed with the instance's pepper, so that a stolen database alone
 * tells no PIN. Five wrong ones lock it for 15 minutes, and each further one doubles the lock.
 *
 * A try is counted before the PIN is looked at, so a hundred guesses at once are still five. A PIN that was right is
 * remembered in memory (as a keyed hash) for 15 minutes, because a till that pays every minute should not wait for
 * Argon2 each time; a change of the PIN, or a lock, ends that at once.
 */
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import type { PinCode } from '../failures'
import type { Audit } from './audit'
import { hashPinSecret, verifyPinSecret } from './passwords'
import type { User, Users } from './users'

const TRIES = 5
const LOCK_MS = 15 * 60_000
const LONGEST_LOCK_MS = 24 * 3_600_000
const TRUST_MS = 15 * 60_000
const REMEMBERED_LIMIT = 20_000

export interface Pins {
  hash(pin: string): Promise<string>
  /** The user, if this is their PIN. Run it before the unit that moves the money. */
  verify(userId: string, pin: string): Promise<Result<User, PinCode>>
}

interface Trusted {
  pinHash: string
  mac: string
  until: number
}

export function isTrivialPin(pin: string): boolean {
  const steps = new Set<number>()
  for (let i = 1; i < pin.length; i++) steps.add(pin.charCodeAt(i) - pin.charCodeAt(i - 1))
  const [step] = steps
  if (steps.size === 1 && step !== undefined && Math.abs(step) <= 1) return true
  return /^(\d\d)\1+$/.test(pin)
}

function lockAfter(failures: number): number {
  return failures < TRIES ? 0 : Math.min(LONGEST_LOCK_MS, LOCK_MS * 2 ** (failures - TRIES))
}

export function createPins({ store, clock, keyring }: Runtime, users: Users, audit: Audit): Pins {
  const trusted = new Map<string, Trusted>()
  /** Tries under way: a crowd of requests with the same PIN is one try. */
  const underWay = new Map<string, Promise<Result<User, PinCode>>>()
  const peppered = (pin: string) => keyring.hash('pin-pepper', pin)

  function locked(until: number): Result<never, 'pin_locked'> {
    const retryAfter = Math.ceil((until - clock()) / 1000)
    return fail('pin_locked', `Too many wrong PINs: try again in ${Math.ceil(retryAfter / 60)} min.`, { retryAfter })
  }

  /** Counts the try; the PIN may be looked at only after this. */
  const countTry = (userId: string) =>
    store.write(async (tx): Promise<Result<{ pinHash: string; failures: number }, PinCode>> => {
      const user = await users.lock(tx, userId)
      if (!user?.pinHash) return fail('pin_not_set')
      if (user.pinLockedUntil > clock()) return locked(user.pinLockedUntil)
      const failures = user.pinFailures + 1
      const lock = lockAfter(failures)
      await users.change(tx, userId, { pinFailures: failures, pinLockedUntil: lock === 0 ? 0 : clock() + lock })
      if (lock > 0) await audit(tx, { actor: userId, action: 'pin.last_try', subject: userId, outcome: 'allowed' })
      return ok({ pinHash: user.pinHash, failures })
    })

  const clearTries = (userId: string) =>
    store.write(async (tx) => {
      await users.change(tx, userId, { pinFailures: 0, pinLockedUntil: 0 })
    })

  function trust(userId: string, pinHash: string, mac: string): void {
    if (trusted.size >= REMEMBERED_LIMIT) {
      const oldest = trusted.keys().next().value
      if (oldest !== undefined) trusted.delete(oldest)
    }
    trusted.set(userId, { pinHash, mac, until: clock() + TRUST_MS })
  }

  return {
    hash: (pin) => hashPinSecret(peppered(pin)),

    async verify(userId, pin) {
      const user = await users.byId(userId)
      if (!user?.pinHash) return fail('pin_not_set')
      if (user.pinLockedUntil > clock()) return locked(user.pinLockedUntil)
      const mac = keyring.hash('pin-in-memory', userId, pin)
      const known = trusted.get(userId)
      if (known && known.pinHash === user.pinHash && known.until > clock() && sameHash(known.mac, mac)) {
        return ok(user)
      }
      const sameTry = `${userId} ${mac}`
      const shared = underWay.get(sameTry) ?? tryOut(user, pin, mac).finally(() => underWay.delete(sameTry))
      underWay.set(sameTry, shared)
      return shared
    },
  }

  async function tryOut(user: User, pin: string, mac: string): Promise<Result<User, PinCode>> {
    const userId = user.id
    const tried = await countTry(userId)
    if (!tried.ok) return tried
    if (await verifyPinSecret(peppered(pin), tried.value.pinHash)) {
      await clearTries(userId)
      trust(userId, tried.value.pinHash, mac)
      return ok(user)
    }
    trusted.delete(userId)
    const triesLeft = Math.max(0, TRIES - tried.value.failures)
    if (triesLeft === 0) return locked(clock() + lockAfter(tried.value.failures))
    return fail('pin_wrong', `The PIN is wrong; ${triesLeft} ${triesLeft === 1 ? 'try is' : 'tries are'} left.`, {
      triesLeft,
    })
  }
}
